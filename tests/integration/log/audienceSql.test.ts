/** The SQL of an audience means what the streaming evaluator judges: random conditions over random events and people. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { membersSql } from '@tributary/clickhouse-log'
import {
  createClickHouseLogStore,
  eventRecord,
  logTableOf,
  recordOf,
} from '@tributary/clickhouse-log/testing'
import { type TopicSpec, cloudEventId, topics, versionOf } from '@tributary/contracts'
import { EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  type CompiledAudience,
  type Condition,
  type FoldableEvent,
  type Fragment,
  type Profile,
  compileAudience,
  eventFacts,
  foldEvent,
  foldProfile,
  judgeAudience,
  judgedProfile,
  keepAggregates,
  publicDiff,
  publicProfile,
} from '@tributary/domain'
import { arbitraryCondition, arbitraryEvents } from '@tributary/domain/testing'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

/** One seed for all: the data is in the database before the first condition is asked. */
const SEED = Number(process.env['SEED'] ?? 42)
const CONDITIONS = 120
/** Who is one person: found by a merge of two of them. */
const people = { 'u1-0': ['u1', 'u2'], 'e1-0': ['e1'], 'a1-0': ['a1'], 'a2-0': ['a2'] }
const types = {
  track: EventType.EVENT_TYPE_TRACK,
  identify: EventType.EVENT_TYPE_IDENTIFY,
  group: EventType.EVENT_TYPE_GROUP,
  page: EventType.EVENT_TYPE_PAGE,
} as Readonly<Record<string, EventType>>

const events = fc
  .sample(arbitraryEvents(25), { numRuns: 30, seed: SEED })
  .flat()
  .map((event, i) => ({ ...event, messageId: `m${i}` }))
const conditions = fc.sample(arbitraryCondition, { numRuns: CONDITIONS, seed: SEED })
const nowMs = 3 * 86_400_000
/** What is from further in the future the collector does not take. */
const taken = events.filter(({ timeMs }) => timeMs <= nowMs)
let log: LogDatabase

async function put(topic: TopicSpec, records: ReturnType<typeof recordOf>[]): Promise<void> {
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topic))
  const range = { epoch: 1, first: 0, last: records.length - 1, records }
  expect(await store.store({ topic: topic.name, partition: 0 }, range)).toMatchObject({ kind: 'stored' })
}

/** As the profile task folds it, with the aggregates of one audience. */
function profileOf(names: readonly string[], kept: ReturnType<typeof keepAggregates>): Profile | undefined {
  const parts = names.map((identifierId) => {
    const own = taken.filter(({ identifiers }) => identifiers[0]!.id === identifierId)
    const fragment = own.reduce<Fragment | undefined>(
      (folded, event) => foldEvent(folded, eventFacts(event), kept),
      undefined,
    )
    return { identifierId, fragment }
  })
  return foldProfile(parts, { preferences: new Map(), computed: [], nowMs })
}

const inLog = (event: FoldableEvent, offset: number) =>
  eventRecord(offset, {
    messageId: event.messageId,
    sourceId: event.sourceId,
    type: types[event.type] ?? EventType.EVENT_TYPE_TRACK,
    name: event.name,
    anchor: event.identifiers[0]!.id,
    identifiers: [...event.identifiers],
    timeMs: event.timeMs,
    raw: Buffer.from(JSON.stringify(event.payload)),
  })

beforeAll(async () => {
  log = await createLogDatabase()
  await put(topics.events, taken.map(inLog))
  const move = {
    changeId: 'c',
    kind: 'merge',
    chunk: 0,
    chunks: 1,
    time: new Date(nowMs).toISOString(),
    moves: [{ identifierId: 'u2', type: 'user_id', from: 'u2-0', to: 'u1-0' }],
    cause: { evidenceId: 'e', messageId: 'm', source: 'web' },
  }
  const ceId = cloudEventId(1, topics.identityChanges.name, 0, 1)
  await put(topics.identityChanges, [recordOf(0, JSON.stringify(move), { headers: { ce_id: ceId } })])
  const changes = Object.entries(people).flatMap(([profileId, names]) => {
    const profile = profileOf(names, keepAggregates([]))
    if (!profile) return []
    const diff = publicDiff(undefined, publicProfile({ profileId, version: '', profile, audiences: {} }))
    return [{ op: 'c', profileId, changed: diff.changed, after: diff.after }]
  })
  const records = changes.map((change, i) =>
    recordOf(i, JSON.stringify({ ...change, version: versionOf(1, i + 1) }), {
      headers: { ce_id: cloudEventId(1, topics.profileChanges.name, 0, i + 1) },
    }),
  )
  await put(topics.profileChanges, records)
})
afterAll(() => log.drop())

function judged(where: Condition, audience: CompiledAudience): string[] {
  const kept = keepAggregates(audience.aggregates.map((definition) => ({ definition, job: 1 })))
  return Object.entries(people).flatMap(([profileId, names]) => {
    const profile = profileOf(names, kept)
    if (!profile) return []
    const reader = judgedProfile(profile, { profileId, computed: [], jobOf: () => 1, nowMs })
    return judgeAudience(audience, reader, () => false).member ? [profileId] : []
  })
}

/** So many in one look at the log, as the audit asks. */
const AT_ONCE = 40
/** Condition → its members by the log. */
const found = new Map<string, string[]>()

beforeAll(async () => {
  for (let from = 0; from < CONDITIONS; from += AT_ONCE) {
    const some = conditions
      .slice(from, from + AT_ONCE)
      .map((where, i): [string, CompiledAudience] => [
        String(from + i),
        compileAudience(where, (text) => text),
      ])
    const sql = membersSql(log.clickhouse, new Map(some), {
      audiences: new Map(),
      computed: new Map(),
      nowMs,
    })
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const rows = await log.clickhouse.query<{ profile_id: string; audience: string }>(sql)
    for (const { audience, profile_id } of rows)
      found.set(audience, [...(found.get(audience) ?? []), profile_id])
  }
})

test.each(conditions.map((where, i) => [i, JSON.stringify(where).slice(0, 120), where] as const))(
  'condition %d of the seed has the same members in both: %s',
  (i, _text, where) => {
    const audience = compileAudience(where, (text) => text)
    expect((found.get(String(i)) ?? []).sort()).toEqual(judged(where, audience).sort())
  },
)

test('these conditions tell people apart', () => {
  const sizes = conditions.map(
    (where) =>
      judged(
        where,
        compileAudience(where, (text) => text),
      ).length,
  )
  expect(sizes.filter((size) => size > 0 && size < 4).length).toBeGreaterThan(CONDITIONS / 12)
})
