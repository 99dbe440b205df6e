import {
  KEY_SEPARATOR,
  addTraces,
  encodeMessage,
  profileIdOf,
  topics,
  traceHeaders,
} from '@tributary/contracts'
import { type Event } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Change } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { type Cause, type Part, PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { type FragmentRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type Fragment } from '@tributary/domain'
import { type StepContext } from '@tributary/stream-runtime'
import { fragmentRows } from './fragmentRows.ts'

/** Events named as the cause of a part: enough to recognise an echo and to trace; a batch may hold thousands. */
const MAX_CAUSES = 20

interface ChangedFragment {
  /** As it was before the batch. */
  readonly before: FragmentRow
  causes: Cause[]
  /** Of the events and assignments that changed it, as many as a record names. */
  readonly traces: string[]
  change: Change | undefined
  /** Whether the identifier belonged to its own profile for a moment within the batch. */
  wasAtHome: boolean
  /** Profiles that must forget it. */
  erasedFrom: readonly string[]
  /** How many events were forgotten. */
  erasedEvents: number
}

type Action = NonNullable<Part['action']>

/** What one batch did to the fragments of its partition, told to their profiles when it ends. */
export class ChangedFragments {
  readonly #changed = new Map<string, ChangedFragment>()

  /** Must come before the first change of a row in a batch. */
  remember(identifierId: string, before: FragmentRow): void {
    if (this.#changed.has(identifierId)) return
    this.#changed.set(identifierId, {
      before,
      causes: [],
      traces: [],
      change: undefined,
      wasAtHome: false,
      erasedFrom: [],
      erasedEvents: 0,
    })
  }

  cause(
    identifierId: string,
    {
      messageId,
      sourceId,
      receivedTimeMs,
      timeMs,
    }: Pick<Event, 'messageId' | 'sourceId' | 'receivedTimeMs' | 'timeMs'>,
  ): void {
    const { causes } = this.#changed.get(identifierId)!
    if (causes.length < MAX_CAUSES) causes.push({ messageId, sourceId, receivedTimeMs, timeMs })
  }

  trace(identifierId: string, traces: readonly string[]): void {
    if (traces.length > 0) addTraces(this.#changed.get(identifierId)!.traces, traces)
  }

  retag(identifierId: string, profileId: string, change: Change | undefined): void {
    const changed = this.#changed.get(identifierId)!
    changed.change = change
    changed.wasAtHome ||= profileId === profileIdOf(identifierId, changed.before.generation)
  }

  /** The identifier begins a new generation: what the old one had sent is gone for good. */
  erase(
    identifierId: string,
    row: FragmentRow,
    { change, events }: { readonly change: Change | undefined; readonly events: number },
  ): void {
    const changed = this.#changed.get(identifierId)!
    const { before } = changed
    changed.change = change
    changed.erasedEvents += events
    changed.causes = []
    changed.erasedFrom = [
      ...new Set(
        [before.tag, row.tag, profileIdOf(identifierId, before.generation)].filter((id) => id !== ''),
      ),
    ]
  }

  /** `whole`: all that is known of an identifier. */
  send(context: StepContext, whole: (identifierId: string, row: FragmentRow) => Fragment | undefined): void {
    const rows = context.table(fragmentRows)
    for (const [identifierId, changed] of this.#changed) {
      const row = rows.get(identifierId)!
      for (const [profileId, action] of actions(
        identifierId,
        row,
        changed,
        row.tag === '' ? undefined : whole(identifierId, row),
      ))
        sendPart(
          context,
          {
            profileId,
            identifierId,
            identifierType: row.identifierType,
            action,
            ...(changed.change && { change: changed.change }),
            causes: changed.causes,
          },
          traceHeaders(changed.traces),
        )
    }
    this.#changed.clear()
  }
}

function* actions(
  identifierId: string,
  row: FragmentRow,
  { before, erasedFrom, erasedEvents, wasAtHome }: ChangedFragment,
  fragment: Fragment | undefined,
): Iterable<readonly [string, Action]> {
  for (const [i, profileId] of erasedFrom.entries())
    yield [
      profileId,
      { $case: 'removed', value: { to: '', erased: true, ...(i === 0 && { events: erasedEvents }) } },
    ]
  if (row.tag === '') return
  const old = erasedFrom.length > 0 ? '' : before.tag
  const home = profileIdOf(identifierId, row.generation)
  if (old !== '' && old !== row.tag) yield [old, { $case: 'removed', value: { to: row.tag, erased: false } }]
  yield [row.tag, { $case: 'put', value: fragment ? { fragment } : {} }]
  // With no tag before, nobody can have been told of the identifier's own profile by this task.
  const knownAtHome = old !== '' || wasAtHome
  if (old !== row.tag && home !== old && home !== row.tag && knownAtHome)
    yield [home, { $case: 'moved', value: { to: row.tag } }]
}

function sendPart(context: StepContext, part: Part, headers: ReturnType<typeof traceHeaders>): void {
  context.send({
    topic: topics.profileParts,
    partitionKey: part.profileId,
    key: `${part.profileId}${KEY_SEPARATOR}${part.identifierId}`,
    value: encodeMessage(PartRecord, { record: { $case: 'part', value: part } }),
    ...(headers && { headers }),
  })
}
