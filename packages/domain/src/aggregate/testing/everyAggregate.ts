import { type AggregateDefinition, aggregateKinds } from '../aggregateDefinition.ts'
import { type OwnedAggregate } from '../keepAggregates.ts'
import { parseWindow } from '../window.ts'

/** Every kind over all events, over two days and over three hours, and what only audiences ask for. */
const shapes: Partial<AggregateDefinition>[] = [
  ...aggregateKinds
    .filter((kind) => kind !== 'sequence')
    .flatMap((kind) =>
      [undefined, '2d', '3h'].map((text) => ({
        kind,
        within: text === undefined ? text : parseWindow(text),
      })),
    ),
  { kind: 'count', fromMs: 90_000_000 },
  { kind: 'distinct', toMs: 90_000_000 },
  { kind: 'count', filter: { 'properties.channel': 'web' } },
  { kind: 'sequence', steps: [{ event: 'Viewed' }, { event: 'Order Completed' }] },
  {
    kind: 'sequence',
    takesAtMostMs: 3_600_000,
    steps: [
      { event: 'Viewed' },
      { event: 'Viewed', filter: { 'properties.channel': 'shop' } },
      { event: 'Order Completed' },
    ],
  },
]

export const everyAggregate: OwnedAggregate[] = shapes.map((shape, i) => ({
  job: 1,
  definition: {
    document: `trait/t${i}`,
    hash: `h${i}`,
    kind: 'count',
    event: 'Order Completed',
    ...(shape.kind !== 'count' && shape.kind !== 'sequence' && { path: 'properties.total' }),
    ...shape,
  },
}))

/** As computed traits, named t0, t1, … */
export const everyTrait = everyAggregate.map(({ definition, job }, i) => ({
  id: `t${i}`,
  aggregate: definition,
  job,
}))
