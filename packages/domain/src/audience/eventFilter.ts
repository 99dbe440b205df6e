import { type Json } from '../event/json.ts'
import { type Path, parsePath, readPath } from '../event/path.ts'
import { type FoldableEvent } from '../profile/eventFacts.ts'
import { type Comparison, type Scalar, compileComparison } from './comparison.ts'

/** Path inside the event → what must hold; a bare value means eq. All must hold. */
export interface EventFilter {
  [path: string]: Scalar | Comparison
}

/** What stands at a path: `source`, `type` and `name` are the event's own, the rest is the payload. */
export type EventPath = (event: FoldableEvent) => Json | undefined

export function compileEventPath(text: string): EventPath {
  if (text === 'source') return (event) => event.sourceId
  if (text === 'type') return (event) => event.type
  if (text === 'name') return (event) => event.name
  const path: Path = parsePath(text) ?? []
  // An empty path is refused by validation; one that came through reads nothing.
  return path.length === 0 ? () => undefined : (event) => readPath(event.payload, path)
}

export function compileEventFilter(filter: EventFilter | undefined): (event: FoldableEvent) => boolean {
  const checks = Object.entries(filter ?? {}).map(([text, given]) => ({
    read: compileEventPath(text),
    holds: compileComparison(typeof given === 'object' ? given : { eq: given }),
  }))
  return (event) => checks.every(({ read, holds }) => holds(read(event)))
}
