/**
 * What must hold when a world has come to rest.
 *
 *  Q1. Profiles, counts and memberships are those of the oracle, at the moment the task last judged windows at; no
 *      window is still to move that should have moved (restOfWorld.ts).
 *  Q2. Events folded over all profiles and events skipped are the accepted ones.
 *  Q3. Folding profile-changes gives the profiles; memberships are those that the profiles show.
 *  Q4. An id that was ever public leads to where its identifier is now.
 *  Q5. Every change that a sync wants, or that withdraws what waits, became one delivery; each ended once; what was not
 *      refused or withdrawn was accepted at least once, in order per profile.
 *  Q6. Every store is what a plain fold of its change logs gives.
 */
import type { SyncDocument } from '@tributary/configuration'
import {
  type MergedProfileRecord,
  type PartitionCounts,
  type ProfileChangeRecord,
  type ProfileRecord,
  type TopicSpec,
  KEY_SEPARATOR,
  parseProfileId,
  partitionOf,
  topics,
} from '@tributary/contracts'
import { OutcomeKind } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type JsonObject, applyDiff, canonicalJsonText, publicProfile } from '@tributary/domain'
import type { StateStore, StateView } from '@tributary/stream-runtime'
import { type Change, changeOf } from '../../services/activation/src/sync/change.ts'
import { wants } from '../../services/activation/src/sync/wants.ts'
import { withdrawalOf } from '../../services/activation/src/sync/withdrawal.ts'
import { clockRows, counterRows, profileRows } from '../../services/profile-store/src/profile/profileRows.ts'
import { expectedWorld } from './expectedWorld.ts'
import type { FakeReceiver } from './fakeReceiver.ts'
import type { ShopConfiguration } from './simulatedFeed.ts'
import type { CommittedRecord, SimulatedLog } from './simulatedLog.ts'
import { type Fail, type LogWatch, read } from './watchLog.ts'

export interface RestedWorld {
  readonly log: SimulatedLog
  readonly counts: PartitionCounts
  readonly configuration: ShopConfiguration
  readonly watch: LogWatch
  readonly receiver: FakeReceiver
  readonly profileViews: readonly StateView[]
  readonly fail: Fail
}

type State = ProfileRecord | MergedProfileRecord

export function checkRest(world: RestedWorld): void {
  const states = foldedChanges(world)
  checkProfiles(world, states)
  checkDeliveries(world)
}

/** Q3. */
function foldedChanges({ watch, fail }: RestedWorld): Map<string, State> {
  const folded = new Map<string, JsonObject>()
  for (const record of watch.changes) {
    const change = read(record) as ProfileChangeRecord
    const { profileId, version, op, mergedInto } = change
    const before = folded.get(profileId)
    const alive = before && !('mergedInto' in before) ? before : undefined
    folded.set(
      profileId,
      op === 'd'
        ? { profileId, version, mergedInto: mergedInto ?? null }
        : { ...applyDiff(alive, change), profileId, version },
    )
  }
  for (const [profileId, state] of watch.profiles) {
    const found = canonicalJsonText(folded.get(profileId) ?? null)
    const wanted = canonicalJsonText(state as JsonObject)
    if (found !== wanted)
      fail(
        'folding profile-changes gives the profiles',
        `${profileId}\n  folded ${found}\n  state  ${wanted}`,
      )
  }
  return watch.profiles as Map<string, State>
}

function checkProfiles(world: RestedWorld, states: ReadonlyMap<string, State>): void {
  const { log, counts, configuration, watch, fail, profileViews } = world
  const clockOf = (profileId: string) =>
    profileViews[partitionOf(profileId, counts.profile)]!.table(clockRows).get('clock') ?? 0
  const expected = expectedWorld(log, counts, configuration, watch.assigned, clockOf)
  const found = new Map<string, string>()
  const shown = new Set<string>()
  for (const [profileId, state] of states) {
    const lead = expected.profileOf(parseProfileId(profileId)!.identifierId)
    const leads = 'mergedInto' in state ? state.mergedInto : profileId
    if (leads !== lead)
      fail('a public id leads to where its identifier is', `${profileId} leads to ${leads}, not ${lead}`)
    if ('mergedInto' in state) continue
    for (const audience of Object.keys(state.audiences)) shown.add(`${audience}${KEY_SEPARATOR}${profileId}`)
    if (state.identifiers.length > 0) found.set(profileId, body(state, Object.keys(state.audiences)))
  }
  const wanted = new Map<string, string>()
  for (const [profileId, { profile, audiences }] of expected.profiles) {
    const state = publicProfile({ profileId, version: '', profile, audiences: {} })
    wanted.set(profileId, body(state as unknown as ProfileRecord, audiences))
    const row = profileViews[partitionOf(profileId, counts.profile)]!.table(profileRows).get(profileId)
    const [counted, exact] = [timesOf(row), timesOf(profile)]
    if (counted !== exact) fail('counts and times are exact', `${profileId}: ${counted}, not ${exact}`)
  }
  for (const profileId of new Set([...found.keys(), ...wanted.keys()]))
    if (found.get(profileId) !== wanted.get(profileId))
      fail(
        'profiles are those of the oracle',
        `${profileId}\n  found  ${found.get(profileId)}\n  wanted ${wanted.get(profileId)}`,
      )
  checkSums(world, expected)
  const members = [...watch.memberships].filter(([, { member }]) => member).map(([key]) => key)
  const [a, b] = [members.sort().join(), [...shown].sort().join()]
  if (a !== b) fail('memberships are those the profiles show', `${a}\n  shown ${b}`)
}

function timesOf(of: { readonly events: number; readonly lastSeenMs: number } | undefined): string {
  return of ? `${of.events} events until ${of.lastSeenMs}` : 'nothing'
}

/** Q2. */
function checkSums(
  { profileViews, watch, fail }: RestedWorld,
  { accepted, folded }: { accepted: number; folded: number },
): void {
  const events = profileViews
    .map((view) => view.table(counterRows).get('counters')?.events ?? 0)
    .reduce((a, b) => a + b, 0)
  if (events !== folded || events + watch.skipped !== accepted)
    fail(
      'folded and skipped are the accepted events',
      `${events} in profiles and ${watch.skipped} skipped, of ${accepted}, ${folded} of them to be folded`,
    )
}

/** All but the version, and what may be older in the public record. */
function body(state: ProfileRecord, audiences: readonly string[]): string {
  const { version: _v, audiences: _a, events: _e, lastSeen: _l, ...rest } = state
  return canonicalJsonText({ ...rest, audiences: audiences.toSorted() } as unknown as JsonObject)
}

/** Q5. */
function checkDeliveries({ watch, configuration, receiver, fail }: RestedWorld): void {
  const { workspace } = configuration.value
  const { syncs, destinations } = workspace
  const isDue = (sync: SyncDocument, change: Change): boolean =>
    wants(sync, change) ||
    withdrawalOf(sync, change, destinations.get(sync.to), workspace, false) !== undefined
  const due: string[] = []
  for (const [topic, record] of [
    ...watch.changes.map((each) => [topics.profileChanges, each] as const),
    ...watch.audienceChanges.map((each) => [topics.audienceChanges, each] as const),
  ]) {
    const change = changeOf(inputOf(topic, record))!
    for (const sync of syncs.values()) if (isDue(sync, change)) due.push(`${sync.id} ${change.id}`)
  }
  const made = watch.deliveries.map(({ syncId, changeId }) => `${syncId} ${changeId}`)
  const missing = due.filter((each) => !made.includes(each))
  if (missing.length > 0 || due.length !== made.length)
    fail(
      'every wanted change becomes one delivery',
      `${made.length} of ${due.length}; missing ${missing.join(', ')}`,
    )
  const inOrder = new Map<string, string[]>()
  const withdrawn = new Set<string>()
  for (const [n, { key, id, syncId, filtered }] of watch.deliveries.entries()) {
    const end = watch.ended.get(id)
    if (end === undefined) fail('every delivery ends', id)
    const isFiltered = end === OutcomeKind.OUTCOME_KIND_FILTERED
    const mayBe = watch.deliveries
      .slice(n + 1)
      .some((later) => later.withdraws && later.key === key && later.syncId === syncId)
    if (filtered !== isFiltered && !(isFiltered && mayBe)) fail('what is filtered is not sent', id)
    if (isFiltered && !filtered) withdrawn.add(id)
    if (end === OutcomeKind.OUTCOME_KIND_DELIVERED) inOrder.set(key, [...(inOrder.get(key) ?? []), id])
  }
  // A call may have arrived without its answer, and was not repeated.
  const accepted = (key: string) => {
    const ids = receiver.accepted.get(key)?.filter((id) => !withdrawn.has(id)) ?? []
    return ids.length === 0 ? undefined : ids.join()
  }
  for (const key of new Set([...inOrder.keys(), ...receiver.accepted.keys()])) {
    const [wanted, found] = [inOrder.get(key)?.join(), accepted(key)]
    if (wanted !== found)
      fail(
        'deliveries arrive at least once, in order per profile',
        `${key}\n  found  ${found}\n  wanted ${wanted}`,
      )
  }
}

function inputOf(topic: TopicSpec, record: CommittedRecord) {
  return {
    topic,
    partition: record.partition,
    offset: record.offset,
    timestampMs: record.timestampMs,
    key: Buffer.from(record.key ?? ''),
    value: Buffer.from(record.value!),
    headers: record.headers ?? {},
  }
}

/** Q6: the rows that the change logs of a task make, by the plainest way to read them. */
export function foldChangeLogs(
  log: SimulatedLog,
  changeLogs: readonly TopicSpec[],
  partition: number,
): Map<string, Buffer> {
  const rows = new Map<string, Buffer>()
  for (const topic of changeLogs)
    for (const { key, value } of log.all(topic, partition)) {
      const name = key!.toString()
      if (name === '!claim') continue
      if (name.startsWith('!floor/')) {
        const [table, floor] = [name.slice('!floor/'.length), value!.toString()]
        for (const row of rows.keys())
          if (row.startsWith(`${table}/`) && row <= `${table}/${floor}`) rows.delete(row)
      } else if (value === null) rows.delete(name)
      else rows.set(name, value)
    }
  return rows
}

export function checkStore(
  store: StateStore,
  rows: ReadonlyMap<string, Buffer>,
  name: string,
  fail: Fail,
): void {
  const wrong: string[] = []
  const left = new Set(rows.keys())
  for (const [key, value] of store.dump()) {
    left.delete(key)
    if (!rows.get(key)?.equals(value)) wrong.push(key)
  }
  wrong.push(...left)
  if (wrong.length > 0)
    fail('a store is what its change logs say', `${name}: rows ${wrong.slice(0, 5).join(', ')}`)
}
