/**
 * What one event says about a person, in the form fragments fold.
 *
 * Traits come from, in this order (the first that has a path wins within one event):
 *  - identify: `traits`;
 *  - group: `traits`, under `groups.<group id>`, with `groups.<group id>.id`: they describe the group, not the person;
 *  - any event: `context.traits`, what the client knew of the person at that moment.
 * Consent comes from `context.consent` of any event: its `categoryPreferences` where present, else its own booleans.
 */
import { type EventType } from '../event/eventType.ts'
import { type EventIdentifier } from '../event/identifiers.ts'
import { type Json, isJsonObject } from '../event/json.ts'
import { MAX_PATH_BYTES, MAX_PURPOSE_BYTES, cutValue, utf8Length } from './caps.ts'
import { compareText } from './canonicalJson.ts'
import { type PathValue, flattenTree, joinPath } from './traitPath.ts'

/** An accepted event, its payload parsed with every number kept (parseExact). */
export interface FoldableEvent {
  readonly messageId: string
  readonly sourceId: string
  readonly type: EventType
  readonly name: string
  readonly timeMs: number
  /** Strongest first; the first is the anchor. */
  readonly identifiers: readonly EventIdentifier[]
  readonly payload: Json
}

export interface EventFacts {
  readonly event: FoldableEvent
  /** Sorted by path, no path twice. */
  readonly traits: readonly { readonly path: string; readonly json: string }[]
  /** Sorted by purpose. */
  readonly consents: readonly { readonly purpose: string; readonly granted: boolean }[]
  readonly truncated: boolean
}

export function eventFacts(event: FoldableEvent): EventFacts {
  const payload = isJsonObject(event.payload) ? event.payload : {}
  const context = own(payload, 'context')
  let truncated = false
  const traits = new Map<string, string>()
  const take = (found: { values: PathValue[]; cut: boolean }) => {
    truncated ||= found.cut
    for (const { path, value } of found.values) {
      if (traits.has(path)) continue
      const { json, cut } = cutValue(value)
      truncated ||= cut
      traits.set(path, json)
    }
  }
  if (event.type === 'identify') take(flattenTree(own(payload, 'traits'), '', MAX_PATH_BYTES))
  if (event.type === 'group') {
    const groupId = own(payload, 'groupId')
    if (typeof groupId === 'string' && groupId !== '') {
      const above = joinPath('groups', groupId)
      take(flattenTree({ id: groupId }, above, MAX_PATH_BYTES))
      take(flattenTree(own(payload, 'traits'), above, MAX_PATH_BYTES))
    }
  }
  take(flattenTree(own(context, 'traits'), '', MAX_PATH_BYTES))
  const consents = consentsIn(own(context, 'consent'))
  return {
    event,
    traits: [...traits].map(([path, json]) => ({ path, json })).sort((a, b) => compareText(a.path, b.path)),
    consents,
    truncated,
  }
}

function own(value: Json, key: string): Json {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key]! : null
}

function consentsIn(consent: Json): { purpose: string; granted: boolean }[] {
  const categories = own(consent, 'categoryPreferences')
  const said = isJsonObject(categories) ? categories : isJsonObject(consent) ? consent : {}
  return Object.keys(said)
    .filter((purpose) => typeof said[purpose] === 'boolean' && utf8Length(purpose) <= MAX_PURPOSE_BYTES)
    .sort()
    .map((purpose) => ({ purpose, granted: said[purpose] === true }))
}
