/**
 * What must be true after a run. Pure: the observer asks, this compares with the load generator's ledger.
 *
 *  A1. Every acknowledged event is in the event log, with the bytes that were sent, and folded exactly once: of its rows
 *      all but one are skipped as duplicates. One that was never acknowledged may be missing, never half there.
 *  A2. What was refused is among the rejected, whole, and never among the events; nothing is there that nobody sent.
 *  A3. Topics written without transactions have every offset in the log, each once.
 *  A4. Every profile is the fold of its person's events, and there is one for each person and none besides.
 *  A5. Numbers per partition (versions, stamps, CloudEvents ids) go 1, 2, 3 … for readers of committed records.
 *  A6. The state topic shows each profile at the version its last change told.
 *  A7. Every delivery arrived at the receiver, none that was never asked for, in order per sync and profile.
 *  A8. No process ended that was not killed: a task that fails is opened again, its process lives on.
 */
import type { ProfileRecord } from '@tributary/contracts'
import { foldPeople, type ExpectedProfile } from './foldPeople.ts'
import { eventKey, type EventKey, type LedgerEntry } from './ledger.ts'

export interface StoredEvent {
  source: string
  messageId: string
  partition: number
  offset: number
  raw: string
}

export interface SkippedEvent {
  partition: number
  offset: number
  reason: string
}

export interface PartitionCount {
  topic: string
  partition: number
  /** In Kafka. */
  start: number
  end: number
  /** In the event log. */
  rows: number
  distinct: number
}

export interface FoundProfile {
  profileId: string
  /** From the public state topic. */
  state: ProfileRecord
  /** Over gRPC; undefined when nobody knew it. */
  asked: { record: ProfileRecord; events: number; lastSeen: string } | undefined
}

/** One number that a reader of committed records saw, in the order of offsets. */
export interface Numbered {
  /** Topic, partition and writer. */
  series: string
  n: number
}

export interface ToldVersion {
  profileId: string
  version: string
}

export interface AskedDelivery extends ToldVersion {
  id: string
  syncId: string
}

export interface Observed {
  events: StoredEvent[]
  skipped: SkippedEvent[]
  rejected: { source: string; messageId: string; input: string }[]
  partitions: PartitionCount[]
  profiles: FoundProfile[]
  numbers: Numbered[]
  /** All changes in the order of their partitions, and what the state topic says last. */
  changes: ToldVersion[]
  states: ToldVersion[]
  deliveries: AskedDelivery[]
  /** As the receiver took them, repeats left out. */
  received: AskedDelivery[]
  /** Webhooks whose signature did not hold. */
  forged: number
  /** What `tributary audit` said, when it does not balance. */
  ledgerProblem: string | undefined
  /** Processes that ended, or did not start, without being killed: which and how. */
  unasked: string[]
}

export interface Finding {
  rule: string
  problem: string
  ids: string[]
}

export interface Verdict {
  acknowledged: number
  lost: number
  countedTwice: number
  findings: Finding[]
  /** For the report. */
  checked: { what: string; count: number }[]
}

export function auditRun(ledger: ReadonlyMap<EventKey, LedgerEntry>, observed: Observed): Verdict {
  const findings: Finding[] = []
  const find = (rule: string, problem: string, ids: string[]): void => {
    if (ids.length > 0) findings.push({ rule, problem, ids })
  }
  const entries = [...ledger.values()]
  const accepted = entries.filter(({ answer }) => answer === 'accepted')
  const events = judgeEvents(ledger, observed, find)
  judgeRejected(entries, observed, find)
  judgePartitions(observed, find)
  const expected = foldPeople(events.there.map(({ event }) => event))
  const counts = judgeProfiles(expected, observed.profiles, find)
  judgeNumbers(observed.numbers, find)
  judgeStates(observed, find)
  judgeDeliveries(observed, find)
  find('A8', 'processes that ended by themselves', observed.unasked)
  if (observed.ledgerProblem !== undefined)
    find('A3', '`tributary audit` does not balance', [observed.ledgerProblem])

  return {
    acknowledged: accepted.length,
    lost: Math.max(events.lost.length, counts.missing),
    countedTwice: Math.max(events.twice.size, counts.tooMany),
    findings,
    checked: [
      { what: 'events acknowledged as accepted', count: accepted.length },
      {
        what: 'events acknowledged as refused',
        count: entries.filter(({ answer }) => answer === 'rejected').length,
      },
      {
        what: 'events never acknowledged, their client gave up',
        count: entries.filter(({ answer }) => answer === undefined).length,
      },
      { what: 'of those, found whole all the same', count: events.there.length - accepted.length },
      { what: 'rows of events', count: observed.events.length },
      {
        what: 'of those, repeats skipped as duplicates',
        count: observed.skipped.filter(({ reason }) => reason === 'duplicate').length,
      },
      { what: 'profiles compared with the fold of the ledger', count: expected.size },
      { what: 'profile changes, numbered without a gap', count: observed.changes.length },
      { what: 'numbers of all writers compared', count: observed.numbers.length },
      { what: 'deliveries received in order', count: observed.deliveries.length },
    ],
  }
}

type Find = (rule: string, problem: string, ids: string[]) => void

function judgeEvents(ledger: ReadonlyMap<EventKey, LedgerEntry>, observed: Observed, find: Find) {
  const place = ({ partition, offset }: { partition: number; offset: number }) => `${partition}:${offset}`
  const skips = new Map(observed.skipped.map((skip) => [place(skip), skip.reason]))
  const rows = new Map<EventKey, StoredEvent[]>()
  const stored = new Set<string>()
  const doubled = new Set<EventKey>()
  const strange: string[] = []
  const altered: string[] = []
  const misjudged: string[] = []
  for (const row of observed.events) {
    const key = eventKey(row)
    const entry = ledger.get(key)
    if (!entry?.event.valid) strange.push(key)
    else if (entry.event.body !== row.raw) altered.push(key)
    const reason = skips.get(place(row))
    if (reason !== undefined && reason !== 'duplicate') misjudged.push(`${key}: ${reason}`)
    // One record of Kafka in two rows is a fault of the log, not of the fold.
    if (stored.has(place(row))) {
      doubled.add(key)
      continue
    }
    stored.add(place(row))
    const of = rows.get(key)
    if (of) of.push(row)
    else rows.set(key, [row])
  }
  const lost: string[] = []
  const unfolded: string[] = []
  const twice: string[] = []
  const there: LedgerEntry[] = []
  for (const [key, entry] of ledger) {
    if (!entry.event.valid) continue
    const found = rows.get(key) ?? []
    const folded = found.filter((row) => !skips.has(place(row))).length
    if (found.length === 0) {
      if (entry.answer === 'accepted') lost.push(key)
      continue
    }
    there.push(entry)
    if (folded === 0) unfolded.push(key)
    if (folded > 1) twice.push(key)
  }
  find('A1', 'acknowledged, and not in the event log', lost)
  find('A1', 'in the event log, and every row of it skipped', unfolded)
  find('A1', 'folded more than once', twice)
  find('A1', 'one record of Kafka in two rows of the event log', [...doubled])
  find('A1', 'other bytes than were sent', altered)
  find('A1', 'skipped for another reason than being a duplicate', misjudged)
  find('A2', 'among the events, and nobody sent it or it is invalid', strange)
  return { lost: [...lost, ...unfolded], twice: new Set([...twice, ...doubled]), there }
}

function judgeRejected(entries: readonly LedgerEntry[], observed: Observed, find: Find): void {
  const inputs = new Map(observed.rejected.map((row) => [eventKey(row), row.input]))
  const lost: string[] = []
  const altered: string[] = []
  const misjudged: string[] = []
  const byKey = new Map<EventKey, LedgerEntry>()
  for (const entry of entries) {
    const { event, answer } = entry
    const key = eventKey(event)
    byKey.set(key, entry)
    if (answer !== undefined && (answer === 'accepted') !== event.valid) misjudged.push(`${key}: ${answer}`)
    if (event.valid) continue
    const input = inputs.get(key)
    if (input === undefined) {
      if (answer === 'rejected') lost.push(key)
    } else if (input !== event.body) altered.push(key)
  }
  find('A2', 'answered with the wrong verdict', misjudged)
  find('A2', 'refused, and not among the rejected', lost)
  find('A2', 'rejected with other bytes than were sent', altered)
  find(
    'A2',
    'among the rejected, and nobody sent it or it is valid',
    [...inputs.keys()].filter((key) => byKey.get(key)?.event.valid !== false),
  )
}

function judgePartitions({ partitions }: Observed, find: Find): void {
  const off = partitions.filter(({ start, end, rows, distinct }) => rows !== distinct || rows !== end - start)
  find(
    'A3',
    'offsets of the log and of Kafka differ',
    off.map(
      ({ topic, partition, start, end, rows, distinct }) =>
        `${topic}-${partition}: Kafka ${start} to ${end - 1}, ${rows} rows, ${distinct} distinct offsets`,
    ),
  )
}

function judgeProfiles(
  expected: ReadonlyMap<number, ExpectedProfile>,
  profiles: readonly FoundProfile[],
  find: Find,
) {
  const byIdentifier = new Map<string, FoundProfile>()
  const shared: string[] = []
  for (const found of profiles)
    for (const { type, value } of found.state.identifiers) {
      if (byIdentifier.has(`${type} ${value}`)) shared.push(`${type} ${value}`)
      byIdentifier.set(`${type} ${value}`, found)
    }
  const nowhere: string[] = []
  const wrong: string[] = []
  const known = new Set<FoundProfile>()
  let missing = 0
  let tooMany = 0
  for (const person of expected.values()) {
    const found = byIdentifier.get(person.identifiers.at(-1)!)
    const name = `person ${person.person}`
    if (!found) {
      nowhere.push(`${name} (${person.identifiers.at(-1)})`)
      missing += person.events
      continue
    }
    known.add(found)
    const { asked } = found
    if (!asked) wrong.push(`${name} ${found.profileId}: known in the public topic, and not over gRPC`)
    for (const [where, difference] of compareProfile(person, found))
      wrong.push(`${name} ${found.profileId} ${where}: ${difference}`)
    missing += Math.max(0, person.events - (asked?.events ?? person.events))
    tooMany += Math.max(0, (asked?.events ?? 0) - person.events)
  }
  find('A4', 'people without a profile', nowhere)
  find('A4', 'profiles that are not the fold of their events', wrong)
  find('A4', 'identifiers in two profiles', shared)
  find(
    'A4',
    'profiles that are nobody',
    profiles.filter((found) => !known.has(found)).map(({ profileId }) => profileId),
  )
  return { missing, tooMany }
}

/** Where they differ, and how. The public record alone may lag in last-seen time and event count. */
function compareProfile(person: ExpectedProfile, { state, asked }: FoundProfile): [string, string][] {
  const views: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ['in the topic', shown(state), expectation(person)],
  ]
  if (asked)
    views.push([
      'over gRPC',
      { ...shown(asked.record), events: asked.events, lastSeen: asked.lastSeen },
      { ...expectation(person), events: person.events, lastSeen: person.lastSeen },
    ])
  return views.flatMap(([where, have, want]) =>
    Object.keys({ ...have, ...want }).flatMap((key): [string, string][] => {
      const [a, b] = [JSON.stringify(want[key]), JSON.stringify(have[key])]
      return a === b ? [] : [[where, `${key} is ${b}, and should be ${a}`]]
    }),
  )
}

function expectation(person: ExpectedProfile): Record<string, unknown> {
  return {
    identifiers: person.identifiers,
    traits: sorted(person.traits),
    orders: person.orders,
    spendCents: person.spendCents,
    opened: person.opened,
    firstOrder: person.firstOrder,
    lastOrder: person.lastOrder,
    lastProduct: person.lastProduct,
    audiences: person.audiences,
    firstSeen: person.firstSeen,
  }
}

function shown(record: ProfileRecord): Record<string, unknown> {
  const { computed } = record
  return {
    identifiers: record.identifiers.map(({ type, value }) => `${type} ${value}`).sort(),
    traits: sorted(record.traits),
    orders: Number(computed['orders'] ?? 0),
    spendCents: cents(computed['spend'] ?? 0),
    opened: Number(computed['opened'] ?? 0),
    firstOrder: computed['first_order'],
    lastOrder: computed['last_order'],
    lastProduct: computed['last_product'],
    audiences: Object.keys(record.audiences).sort(),
    firstSeen: record.firstSeen,
  }
}

/** Only a sum of whole cents is one: anything else shows as what it is. */
function cents(spend: unknown): unknown {
  const text = typeof spend === 'number' ? spend.toFixed(2) : undefined
  return text !== undefined && Number(text) === spend ? Number(text.replace('.', '')) : spend
}

function sorted(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function judgeNumbers(numbers: readonly Numbered[], find: Find): void {
  const last = new Map<string, number>()
  const twice: string[] = []
  const gaps: string[] = []
  for (const { series, n } of numbers) {
    const before = last.get(series) ?? 0
    if (n <= before) twice.push(`${series}: ${n} after ${before}`)
    else if (n !== before + 1) gaps.push(`${series}: ${before + 1} to ${n - 1}`)
    last.set(series, Math.max(n, before))
  }
  find('A5', 'numbers that a reader of committed records saw twice or out of order', twice)
  find('A5', 'numbers that are missing', gaps)
}

function judgeStates({ changes, states }: Observed, find: Find): void {
  const last = new Map(changes.map(({ profileId, version }) => [profileId, version]))
  const shownVersions = new Map(states.map(({ profileId, version }) => [profileId, version]))
  find(
    'A6',
    'profiles whose state is not that of their last change',
    [...last]
      .filter(([profileId, version]) => shownVersions.get(profileId) !== version)
      .map(([id, version]) => `${id}: changed at ${version}, shown at ${shownVersions.get(id) ?? 'none'}`),
  )
}

function judgeDeliveries({ deliveries, received, forged }: Observed, find: Find): void {
  const arrived = new Set(received.map(({ id }) => id))
  const asked = new Set(deliveries.map(({ id }) => id))
  find(
    'A7',
    'deliveries that never arrived',
    deliveries.filter(({ id }) => !arrived.has(id)).map(({ id, profileId }) => `${id} of ${profileId}`),
  )
  find(
    'A7',
    'webhooks that were never asked for',
    received.filter(({ id }) => !asked.has(id)).map(({ id, profileId }) => `${id} of ${profileId}`),
  )
  const latest = new Map<string, string>()
  const disordered: string[] = []
  for (const { syncId, profileId, version } of received) {
    const key = `${syncId} ${profileId}`
    const before = latest.get(key) ?? ''
    if (version < before) disordered.push(`${key}: ${version} after ${before}`)
    else latest.set(key, version)
  }
  find('A7', 'older versions that arrived after newer ones', disordered)
  if (forged > 0) find('A7', 'webhooks whose signature does not hold', [`${forged}`])
}
