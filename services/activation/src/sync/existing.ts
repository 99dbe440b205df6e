/**
 * Those who are members already when a sync begins: `existing: send` sends them, once.
 *
 *      configuration ──a sync that has not begun──▶ sweep ──members, MAX_SWEPT a batch──▶ deliveries ──▶ begun
 *
 * Invariants:
 *  X1. Who is a member is folded from audience-changes, the input that entering and leaving are sent from: in its
 *      order, so nobody is missed between a sweep and what comes after it.
 *  X2. Who entered after the sweep began is sent by that change and not by the sweep: each membership has the number
 *      at which it began, and a sweep the number at which it did.
 *  X3. A sync begins once for each audience and destination; another mapping does not send everybody again.
 *  X4. Where a sweep stands is state: a restart goes on, and the same members give the same deliveries.
 */
import type { SyncDocument, WorkspaceConfiguration } from '@tributary/configuration'
import { type AudienceChangeRecord, KEY_SEPARATOR, changeTypes, topics } from '@tributary/contracts'
import type { StepContext, TableSpec } from '@tributary/stream-runtime'
import { jsonCodec } from '../jsonCodec.ts'
import type { AudienceChange } from './change.ts'

/** Some 50 ms of work, so that changes are not kept waiting. */
const MAX_SWEPT = 500

const changeLog = topics.syncState

interface Membership {
  readonly version: string
  /** When it began, ISO-8601. */
  readonly since: string
  /** X2. */
  readonly number: number
}

interface Sweep {
  /** Of what: audience and destination (X3). */
  readonly of: string
  /** Number of the last membership before it began. */
  readonly number: number
  /** Profile id of the last member it has seen; null when it has seen all. */
  readonly after: string | null
}

/** "<audience>|<profile id>" → the membership. */
export const membershipTable: TableSpec<Membership> = {
  name: 'membership',
  changeLog,
  codec: jsonCodec<Membership>(),
}
/** "next" → how many memberships have begun. */
export const membershipNumberTable: TableSpec<number> = {
  name: 'membership-number',
  changeLog,
  codec: jsonCodec<number>(),
}
/** Sync → its sweep. */
export const sweepTable: TableSpec<Sweep> = { name: 'sweep', changeLog, codec: jsonCodec<Sweep>() }

/** X1. */
export function noteMembership(context: StepContext, record: AudienceChangeRecord): void {
  const memberships = context.table(membershipTable)
  const key = `${record.audience}${KEY_SEPARATOR}${record.profileId}`
  const known = memberships.get(key)
  if (known && known.version >= record.version) return
  if (record.change !== 'entered') memberships.delete(key)
  else {
    const numbers = context.table(membershipNumberTable)
    const number = (numbers.get('next') ?? 0) + 1
    numbers.put('next', number)
    memberships.put(key, { version: record.version, since: record.time, number: known?.number ?? number })
  }
}

function sendsExisting(sync: SyncDocument): sync is SyncDocument & { from: { audience: string } } {
  return (
    sync.existing === 'send' &&
    sync.disabled !== true &&
    'audience' in sync.from &&
    (sync.on === undefined || sync.on.includes('entered'))
  )
}

/** X3. */
export function beginSweeps(context: StepContext, workspace: WorkspaceConfiguration): void {
  const sweeps = context.table(sweepTable)
  for (const [id] of Array.from(sweeps.range('', '~'))) if (!workspace.syncs.has(id)) sweeps.delete(id)
  for (const sync of workspace.syncs.values()) {
    if (!sendsExisting(sync)) continue
    const of = `${sync.from.audience}${KEY_SEPARATOR}${sync.to}`
    if (sweeps.get(sync.id)?.of === of) continue
    sweeps.put(sync.id, { of, number: context.table(membershipNumberTable).get('next') ?? 0, after: '' })
  }
}

/** Goes on with every sweep; gives each member to `enter`. */
export function advanceSweeps(
  context: StepContext,
  workspace: WorkspaceConfiguration,
  enter: (sync: SyncDocument, change: AudienceChange) => void,
): void {
  for (const [id, sweep] of Array.from(context.table(sweepTable).range('', '~'))) {
    const sync = workspace.syncs.get(id)
    if (sweep.after === null || !sync || !sendsExisting(sync)) continue
    const { audience } = sync.from
    const prefix = `${audience}${KEY_SEPARATOR}`
    const from = sweep.after === '' ? prefix : `${prefix}${sweep.after}!`
    const rows = [...context.table(membershipTable).range(from, `${prefix}~`, MAX_SWEPT)]
    for (const [key, membership] of rows) {
      const profileId = key.slice(prefix.length)
      if (membership.number <= sweep.number) enter(sync, memberAlready(sync, audience, profileId, membership)) // X2
    }
    const last = rows.at(-1)?.[0].slice(prefix.length) ?? null
    context.table(sweepTable).put(id, { ...sweep, after: rows.length === MAX_SWEPT ? last : null })
    if (rows.length === MAX_SWEPT) context.moreToDo()
  }
}

/** As if it entered now; the same member of the same sync is always the same change. */
function memberAlready(
  sync: SyncDocument,
  audience: string,
  profileId: string,
  { version, since }: Membership,
): AudienceChange {
  const record: AudienceChangeRecord = {
    audience,
    profileId,
    change: 'entered',
    version,
    time: since,
    reason: 'definition',
    because: [],
    causedBy: { messageIds: [], sources: [] },
    rules: {},
  }
  const id = `existing-${sync.id}-${profileId}-${version}`
  return { of: 'audience', id, type: changeTypes.audienceEntered, text: JSON.stringify(record), record }
}
