/** An accepted event under other identity rules than it was accepted under: whose it is now. */
import { defaultEventLimits } from './admitEvent.ts'
import { type EventType } from './eventType.ts'
import { parseExact, parseOrNothing } from './exactJson.ts'
import { type EventIdentifier, type PreparedRules, findIdentifiers, identifierOfType } from './identifiers.ts'
import { isJsonObject } from './json.ts'

/** What the identifiers of an event depend on. */
export interface AcceptedBefore {
  readonly type: EventType
  readonly sourceId: string
  readonly messageId: string
  /** The canonical event as JSON. */
  readonly text: string
}

export interface IdentifiedAgain {
  readonly anchor: string
  readonly identifiers: readonly EventIdentifier[]
  readonly previous: EventIdentifier | undefined
}

/** As admitEvent finds them: the two are held together by a test. `digest` is that of the circumstances. */
export function identifyAgain(
  { type, sourceId, messageId, text }: AcceptedBefore,
  rules: PreparedRules,
  digest: (parts: readonly string[]) => string,
): IdentifiedAgain {
  const read = parseOrNothing(text)
  const event = isJsonObject(read) ? read : {}
  const exact = () => (event === read ? parseExact(text) : event)
  const { identifiers } = findIdentifiers(event, rules, {
    max: defaultEventLimits.maxIdentifiers,
    isGroup: type === 'group',
    exact,
  })
  const previous =
    type === 'alias'
      ? identifierOfType(event['previousId'], 'user_id', rules, () => (exact() as typeof event)['previousId'])
      : undefined
  return { anchor: identifiers[0]?.id ?? digest([sourceId, messageId]), identifiers, previous }
}
