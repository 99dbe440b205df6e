import { Type, type Static } from 'typebox'
import { Scalar } from './terms.ts'

const number = (description: string) => Type.Union([Type.Number(), Type.String()], { description })

/** The closed set of operators; several at once must all hold. */
export const operators = {
  eq: Type.Optional(Scalar),
  ne: Type.Optional(Scalar),
  gt: Type.Optional(number('Greater than: numbers by value, texts by code point.')),
  gte: Type.Optional(number('Greater or equal.')),
  lt: Type.Optional(number('Less than.')),
  lte: Type.Optional(number('Less or equal.')),
  in: Type.Optional(Type.Array(Scalar, { minItems: 1, maxItems: 1000 })),
  notIn: Type.Optional(Type.Array(Scalar, { minItems: 1, maxItems: 1000 })),
  contains: Type.Optional(Scalar),
  startsWith: Type.Optional(Type.String({ minLength: 1 })),
  endsWith: Type.Optional(Type.String({ minLength: 1 })),
  exists: Type.Optional(Type.Boolean({ description: 'Whether there is a value that is not null.' })),
}

export const Comparison = Type.Object(operators, {
  additionalProperties: false,
  minProperties: 1,
  defName: 'Comparison',
})
export type Comparison = Static<typeof Comparison>

export const comparisonOperators = Object.keys(operators) as (keyof Comparison)[]

/** For counts and sums. */
export const numberOperators = {
  eq: Type.Optional(Type.Number()),
  ne: Type.Optional(Type.Number()),
  gt: Type.Optional(Type.Number()),
  gte: Type.Optional(Type.Number()),
  lt: Type.Optional(Type.Number()),
  lte: Type.Optional(Type.Number()),
}

export const NumberComparison = Type.Object(numberOperators, {
  additionalProperties: false,
  minProperties: 1,
  defName: 'NumberComparison',
})
export type NumberComparison = Static<typeof NumberComparison>

/** Which events: path inside the event to what must hold; a bare value means eq. All must hold. */
export const EventFilter = Type.Record(
  Type.String({ pattern: '^(source|type|name|(properties|traits|context)\\.[^\\s].*)$' }),
  Type.Union([Scalar, Comparison]),
  {
    defName: 'EventFilter',
    description:
      'Path to what must hold, for example {properties.channel: web, properties.total: {gte: 50}}; `source` is the id of the source. All must hold.',
  },
)
export type EventFilter = Static<typeof EventFilter>
