import { type AggregateDefinition, type EventFilter, aggregateKinds, parseWindow } from '@tributary/domain'
import { type TraitDocument } from './model/index.ts'

/** What Trait documents compute; sequences are of audiences alone. */
const traitKinds = aggregateKinds.filter((kind) => kind !== 'sequence')
type TraitKind = (typeof traitKinds)[number]

export interface TraitSelection {
  readonly event: string
  readonly filter?: EventFilter
  readonly path?: string
  readonly within?: string
}

/** The kind of a computed trait and what it counts; undefined for one that only says which source to prefer. */
export function traitSelection(
  trait: TraitDocument,
): { readonly kind: TraitKind; readonly selection: TraitSelection } | undefined {
  const kind = traitKinds.find((each) => trait[each] !== undefined)
  return kind && { kind, selection: trait[kind] as TraitSelection }
}

/** The aggregate of a Trait document of that hash. */
export function traitAggregate(trait: TraitDocument, hash: string): AggregateDefinition | undefined {
  const found = traitSelection(trait)
  if (!found) return undefined
  const { event, filter, path, within } = found.selection
  const window = within === undefined ? undefined : parseWindow(within)
  return {
    document: `trait/${trait.id}`,
    hash,
    kind: found.kind,
    event,
    ...(filter !== undefined && { filter }),
    ...(path !== undefined && { path }),
    ...(window !== undefined && { within: window }),
  }
}
