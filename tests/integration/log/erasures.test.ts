/**
 * A person is forgotten: nothing of what they said is on disk in any table, nobody else loses a row, and the ledger balances
 * before, between and after.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { hash } from 'node:crypto'
import {
  type Erased,
  type ProfileTotals,
  audit,
  createStoredEvents,
  findErased,
  noteErasures,
  openRemovals,
  removeErased,
} from '@tributary/clickhouse-log'
import { START_MS, eventRecord, recordOf } from '@tributary/clickhouse-log/testing'
import { appendStamp, cloudEventId, placeTopic, topics, versionOf } from '@tributary/contracts'
import {
  DeliveryOutcome,
  DeliveryRecord,
  OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { Event } from '@tributary/contracts/generated/tributary/event/v1/event'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { erasureFactId } from '@tributary/domain'
import { inTransactions, put } from './filledLog.ts'
import { ends, killedBefore } from './killedBefore.ts'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

const SECRET = 'ada-lovelace'
const ada = { type: 'user_id', value: SECRET, id: 'a'.repeat(32) }
const email = { type: 'email', value: `${SECRET}@shop.example`, id: 'b'.repeat(32) }
const eve = { type: 'user_id', value: 'eve', id: 'e'.repeat(32) }
/** What was received until then is to be forgotten. */
const T = START_MS + 100
const gone = { messageId: 'gone', sourceId: 'crm' }
const digest = (text: string): string => hash('sha256', text).slice(0, 32)
const erased: Erased[] = [
  { fact: erasureFactId(gone, ada.id, digest), identifierIds: [ada.id, email.id], receivedUntilMs: T },
]
const totals: ProfileTotals = { profiles: 2, events: 3, erased: 3, changes: new Map([[1, 5]]) }

let log: LogDatabase
beforeAll(async () => {
  log = await createLogDatabase()
  await fill()
})
afterAll(() => log.drop())

function of(who: typeof ada, offset: number, more: Partial<Event> = {}) {
  const raw = Buffer.from(JSON.stringify({ type: 'track', name: who.value }))
  return eventRecord(offset, {
    messageId: `m${offset}`,
    origin: `http:r${offset}:0`,
    anchor: who.id,
    identifiers: [who],
    receivedTimeMs: T - 50 + offset,
    raw,
    ...more,
  })
}

async function fill(): Promise<void> {
  await put(log, topics.events, 0, [
    of(ada, 0),
    of(eve, 1),
    of(email, 2),
    of(ada, 3, { ...gone, erases: true, receivedTimeMs: T + 1 }),
    of({ ...ada, value: 'the one who came after' }, 4, { receivedTimeMs: T + 5 }),
    of(ada, 5, { messageId: 'm0' }),
    of(ada, 6, { origin: 'redrive:http:bad:0' }),
    of(eve, 7),
  ])
  const copyOf = { topic: topics.events.name, partition: 0, offset: 0 }
  await put(
    log,
    topics.events,
    1,
    [of(ada, 0, { copyOf, messageId: 'm0' }), of(eve, 1, { copyOf })],
    placeTopic(2, topics.events),
  )
  await put(
    log,
    topics.skipped,
    0,
    inTransactions(
      [
        { offset: 3, reason: SkipReason.SKIP_REASON_ERASED },
        { offset: 5, reason: SkipReason.SKIP_REASON_DUPLICATE },
      ].map((skip, i) => ({
        value: appendStamp(
          Skipped.encode(Skipped.fromPartial({ topic: topics.events.name, partition: 0, ...skip })).finish(),
          { epoch: 1, writer: 'fragment-0', seq: i + 1 },
        ),
      })),
    ),
  )
  await put(
    log,
    topics.rejected,
    0,
    [SECRET, 'eve'].map((input, i) =>
      recordOf(
        i,
        JSON.stringify({
          code: 'invalid',
          source: 'web',
          origin: `http:bad:${i}`,
          input: Buffer.from(input).toString('base64'),
        }),
      ),
    ),
  )
  const changed = [`${ada.id}-0`, `${eve.id}-0`, `${email.id}-0`, `${ada.id}-0`, `${ada.id}-1`]
  await put(
    log,
    topics.profileChanges,
    1,
    inTransactions(
      changed.map((profileId, i) => ({
        value: Buffer.from(
          JSON.stringify({
            op: 'u',
            profileId,
            version: versionOf(1, i + 1),
            after: { 'traits.name': profileId.startsWith(eve.id) || i === 4 ? 'somebody' : SECRET },
          }),
        ),
        headers: { ce_id: cloudEventId(1, topics.profileChanges.name, 1, i + 1) },
      })),
    ),
  )
  await put(
    log,
    topics.audienceChanges,
    1,
    inTransactions(
      [`${ada.id}-0`, `${eve.id}-0`].map((profileId, i) => ({
        value: Buffer.from(
          JSON.stringify({
            audience: 'vip',
            profileId,
            version: versionOf(1, i + 1),
            because: [{ condition: 'name', value: profileId.startsWith(eve.id) ? 'x' : SECRET, met: true }],
          }),
        ),
        headers: { ce_id: cloudEventId(1, topics.audienceChanges.name, 1, i + 1) },
      })),
    ),
  )
  await put(
    log,
    topics.deliveries,
    0,
    inTransactions(
      [ada, eve].map((who, i) => ({
        value: appendStamp(
          DeliveryRecord.encode(
            DeliveryRecord.fromPartial({
              delivery: {
                id: `d${i}`,
                destinationId: 'crm',
                profileId: `${who.id}-0`,
                body: JSON.stringify({ name: who.value }),
              },
            }),
          ).finish(),
          { epoch: 1, writer: 'sync-1', seq: i + 1 },
        ),
      })),
    ),
  )
  await put(log, topics.deliveryOutcomes, 0, [outcome(0, ada), outcome(1, eve)])
}

function outcome(offset: number, who: typeof ada) {
  const record = DeliveryOutcome.fromPartial({
    deliveryId: who === ada ? 'd0' : 'd1',
    profileId: `${who.id}-0`,
    kind: offset < 2 ? OutcomeKind.OUTCOME_KIND_DELIVERED : OutcomeKind.OUTCOME_KIND_RETRY,
  })
  const stamp = { epoch: 1, writer: 'delivery-0', seq: offset + 1 }
  return recordOf(offset, appendStamp(DeliveryOutcome.encode(record).finish(), stamp))
}

const options = (clickhouse = log.clickhouse) => ({
  clickhouse,
  now: () => START_MS,
  interrupted: new AbortController().signal,
})
const ask = () => audit({ clickhouse: log.clickhouse, prefix: 'none', totals })

/** Tables whose rows hold the text anywhere. */
async function tablesWith(text: string): Promise<string[]> {
  const tables = await log.clickhouse.query<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = {database:String} AND engine LIKE '%MergeTree' ORDER BY name`,
    { database: log.clickhouse.database },
  )
  const found: string[] = []
  for (const { name } of tables) {
    // oxlint-disable-next-line no-await-in-loop -- a dozen tables
    const [row] = await log.clickhouse.query<{ n: string }>(
      `SELECT countIf(position(toString(tuple(*)), {text:String}) > 0) AS n FROM ${log.clickhouse.table(name)}`,
      { text },
    )
    if (Number(row!.n) > 0) found.push(name)
  }
  return found
}

test('before: everything is there, the ledger balances, and a dry run names the rows', async () => {
  const holders = ['audience_changes', 'deliveries', 'events', 'profile_changes', 'rejected']
  expect(await tablesWith(SECRET)).toEqual(holders)
  expect((await ask()).findings).toEqual([])
  expect(await noteErasures(log.clickhouse, erased)).toBe(2)
  expect(await noteErasures(log.clickhouse, erased)).toBe(0)
  const found = await findErased(log.clickhouse)
  expect(found.map(({ table, rows }) => [table, rows])).toEqual([
    ['rejected', 1],
    // The deleted row is crm's; a copy lies in the topic of a later layout epoch.
    ['events', 1],
    ['events', 4],
    ['events', 1],
    ['profile_changes', 3],
    ['audience_changes', 1],
    ['delivery_outcomes', 1],
    ['deliveries', 1],
  ])
})

test('between: killed at any step it balances at once, and goes on where it was', async () => {
  for (let step = 0, ended = false; !ended; step++) {
    ended = await ends(removeErased(options(killedBefore(log.clickhouse, step))))
    const { findings, received } = await ask()
    expect(findings).toEqual([])
    expect(received).toBe(9)
  }
  expect(await openRemovals(log.clickhouse)).toBe(0)
}, 60_000)

test('after: nothing of the person is in any table nor on disk, and everybody else has all', async () => {
  expect(await tablesWith(SECRET)).toEqual([])
  const [parts] = await log.clickhouse.query<{ masked: string }>(
    `SELECT sum(has_lightweight_delete) AS masked FROM system.parts WHERE active AND database = {database:String}`,
    { database: log.clickhouse.database },
  )
  expect(parts).toEqual({ masked: '0' })
  const report = await ask()
  expect(report.findings).toEqual([])
  expect(report.stored).toMatchObject({ erased: 13, expired: 0 })
  expect(report.folding).toMatchObject({ events: 8, folded: 3, erased: 3, skipped: 2 })
  expect(await removeErased(options())).toBe(0)
  // What a rebuild copies, and what attribution gives.
  const copied = await createStoredEvents(log.clickhouse, 1).read({ partition: 0, from: 0, limit: 100 })
  expect(copied.map(({ offset }) => offset)).toEqual([1, 4, 7])
  const attributed = await log.clickhouse.query<{ at: string }>(
    `SELECT \`offset\` AS at FROM ${log.clickhouse.table('attributed_events')} ORDER BY at`,
  )
  expect(attributed.map(({ at }) => Number(at))).toEqual([1, 4, 7])
})

test('what comes late of the person goes the same way', async () => {
  await put(log, topics.events, 0, [of(ada, 8, { receivedTimeMs: T })])
  await put(log, topics.deliveryOutcomes, 0, [outcome(2, ada)])
  const late = { ...totals, erased: 4 }
  const report = await audit({ clickhouse: log.clickhouse, prefix: 'none', totals: late })
  expect(report.findings).toEqual([])
  expect(await removeErased(options())).toBe(2)
  expect((await audit({ clickhouse: log.clickhouse, prefix: 'none', totals: late })).findings).toEqual([])
  // The last row of the partition is gone; who copies the log still knows that it was stored.
  expect(await createStoredEvents(log.clickhouse, 1).partitions()).toEqual([
    { partition: 0, events: 3, end: 9 },
  ])
})
