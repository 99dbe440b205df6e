import { type Event, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Assignment, ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { profileIdOf } from '@tributary/contracts'

/** An identifier id as it would be, readable: "u1" → 32 hexadecimal digits that end in the code of the name. */
export function identifierId(name: string): string {
  return Buffer.from(name).toString('hex').padStart(32, '0')
}

export function identifierOf(name: string): Event['identifiers'][number] {
  const type = name.startsWith('u') ? 'user_id' : name.startsWith('e') ? 'email' : 'anonymous_id'
  return { type, value: name, id: identifierId(name) }
}

/** Default profile of an identifier. */
export function home(name: string): string {
  return profileIdOf(identifierId(name), 0)
}

export interface EventGiven {
  readonly messageId: string
  /** Names, strongest first. */
  readonly identifiers: readonly string[]
  readonly sourceId?: string
  readonly type?: EventType
  readonly name?: string
  readonly timeMs?: number
  readonly payload?: object
}

export function eventOf(given: EventGiven): Event {
  const identifiers = given.identifiers.map(identifierOf)
  const timeMs = given.timeMs ?? 1_767_225_600_000
  return {
    messageId: given.messageId,
    messageIdGenerated: false,
    sourceId: given.sourceId ?? 'web',
    type: given.type ?? EventType.EVENT_TYPE_TRACK,
    name: given.name ?? '',
    anchor: identifiers[0]?.id ?? 'ffffffffffffffffffffffffffffffff',
    identifiers,
    timeMs,
    originalTimeMs: timeMs,
    receivedTimeMs: timeMs,
    timeFlags: [],
    raw: Buffer.from(JSON.stringify(given.payload ?? {})),
    origin: `test:${given.messageId}`,
    identityRules: 'r',
    trusted: true,
    epoch: 1,
  }
}

export function assignmentOf(
  name: string,
  to: string,
  change: Partial<Assignment['change']> = {},
): Assignment {
  return {
    identifierId: identifierId(name),
    type: identifierOf(name).type,
    profileId: to,
    generation: 0,
    change: {
      id: 'c1',
      kind: ChangeKind.CHANGE_KIND_MERGE,
      from: home(name),
      into: to,
      cause: 'evidence',
      ...change,
    },
  }
}
