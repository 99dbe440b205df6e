/**
 * The SQL of an audience means what the streaming evaluator judges: random conditions over random events that came in
 * any order, of people who were merged, split and erased.
 */
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
  type JsonObject,
  type Profile,
  compileAudience,
  eventFacts,
  foldEvent,
  foldProfile,
  judgeAudiences,
  judgedProfile,
  keepAggregates,
  publicDiff,
  publicProfile,
} from '@tributary/domain'
import { arbitraryCondition, arbitraryEvents, tradedTraits } from '@tributary/domain/testing'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

/** One seed for all: the data is in the database before the first condition is asked. */
const SEED = Number(process.env['SEED'] ?? 42)
const CONDITIONS = 145
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
const nowMs = 3 * 86_400_000
/** In the order of arrival, which is none of time. What is from further in the future the collector does not take. */
const taken = events.filter(({ timeMs }) => timeMs <= nowMs)
/** So many had come when people were merged, split and erased. */
const HALF = Math.floor(taken.length / 2)

/** By themselves, so that each kind decides somewhere. */
const alone: Condition[] = (['sum', 'average', 'min', 'max', 'distinct'] as const).flatMap((kind) =>
  [0, 1, 2].map((gt) => ({
    event: 'Order Completed',
    [kind]: { path: 'properties.total', gt },
    within: '1d',
  })),
)
const conditions = [...fc.sample(arbitraryCondition, { numRuns: CONDITIONS, seed: SEED }), ...alone]
const compiledAs = (where: Condition) => compileAudience(where, (text) => text)
/** What other audiences read as a0, a1 and a2: conditions that read none. */
const read = conditions
  .filter((where) => !JSON.stringify(where).includes('"audience"'))
  .slice(0, 3)
  .map((where, i) => ({ id: `a${i}`, compiled: compiledAs(where) }))

/** One profile after the other, as it was published; undefined: its end. */
type Told = [profileId: string, profile: Profile | undefined]

/** Names that are one person, of the events from one arrival until another. */
function fold(
  names: readonly string[],
  until: number,
  {
    from = 0,
    kept = keepAggregates(tradedTraits.map(({ aggregate }) => ({ definition: aggregate, job: 1 }))),
  } = {},
): Profile | undefined {
  const parts = names.map((identifierId) => {
    const own = taken.slice(from, until).filter(({ identifiers }) => identifiers[0]!.id === identifierId)
    const fragment = own.reduce<Fragment | undefined>(
      (folded, event) => foldEvent(folded, eventFacts(event), kept),
      undefined,
    )
    return { identifierId, fragment }
  })
  return foldProfile(parts, { preferences: new Map(), computed: tradedTraits, nowMs })
}

const all = taken.length
const told: Told[] = [
  ...['u1', 'u2', 'e1', 'a1', 'a2'].map((name): Told => [`${name}-0`, fold([name], HALF)]),
  // u2 is merged into e1, split again, and merged into u1.
  ['e1-0', fold(['e1', 'u2'], HALF)],
  ['u2-0', undefined],
  ['e1-0', fold(['e1'], HALF)],
  ['u2-0', fold(['u2'], HALF)],
  ['u1-0', fold(['u1', 'u2'], HALF)],
  ['u2-0', undefined],
  // a2 is erased, and comes again.
  ['a2-0', undefined],
  ['u1-0', fold(['u1', 'u2'], all)],
  ['e1-0', fold(['e1'], all)],
  ['a1-0', fold(['a1'], all)],
  ['a2-1', fold(['a2'], all, { from: HALF })],
]
/** Who is one person in the end, and of which of the events. */
const people = {
  'u1-0': { names: ['u1', 'u2'], from: 0 },
  'e1-0': { names: ['e1'], from: 0 },
  'a1-0': { names: ['a1'], from: 0 },
  'a2-1': { names: ['a2'], from: HALF },
}
const moves = [
  ['merge', 'u2', 'user_id', 'u2-0', 'e1-0'],
  ['split', 'u2', 'user_id', 'e1-0', 'u2-0'],
  ['merge', 'u2', 'user_id', 'u2-0', 'u1-0'],
  ['erase', 'a2', 'anonymous_id', 'a2-0', 'a2-1'],
] as const

let log: LogDatabase

async function put(topic: TopicSpec, records: ReturnType<typeof recordOf>[]): Promise<void> {
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topic))
  const range = { epoch: 1, first: 0, last: records.length - 1, records }
  expect(await store.store({ topic: topic.name, partition: 0 }, range)).toMatchObject({ kind: 'stored' })
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

/** The records of profile-changes, each with what differs from the one before. */
function changeRecords(): ReturnType<typeof recordOf>[] {
  const before = new Map<string, JsonObject>()
  return told.map(([profileId, profile], i) => {
    const known = before.get(profileId)
    const after = profile && publicProfile({ profileId, version: '', profile, audiences: {} })
    const diff = publicDiff(known, after)
    if (after) before.set(profileId, after)
    else before.delete(profileId)
    const change = after
      ? { op: known ? 'u' : 'c', changed: diff.changed, after: diff.after }
      : { op: 'd', changed: [], after: {} }
    return recordOf(i, JSON.stringify({ profileId, ...change, version: versionOf(1, i + 1) }), {
      headers: { ce_id: cloudEventId(1, topics.profileChanges.name, 0, i + 1) },
    })
  })
}

beforeAll(async () => {
  log = await createLogDatabase()
  const records = taken.map(inLog)
  await put(topics.events, records)
  const time = new Date(records[HALF - 1]!.timestampMs).toISOString()
  await put(
    topics.identityChanges,
    moves.map(([kind, identifierId, type, from, to], i) => {
      const cause = { evidenceId: 'e', messageId: 'm', source: 'web' }
      const move = { changeId: `c${i}`, kind, chunk: 0, chunks: 1, time, cause }
      return recordOf(i, JSON.stringify({ ...move, moves: [{ identifierId, type, from, to }] }), {
        headers: { ce_id: cloudEventId(1, topics.identityChanges.name, 0, i + 1) },
      })
    }),
  )
  await put(topics.profileChanges, changeRecords())
})
afterAll(() => log.drop())

function judged(audience: CompiledAudience): string[] {
  const audiences = [...read, { id: 'asked', compiled: audience }]
  const aggregates = new Map(
    [
      ...audiences.flatMap(({ compiled }) => compiled.aggregates),
      ...tradedTraits.map((each) => each.aggregate),
    ].map((each) => [each.document, each]),
  )
  const kept = keepAggregates([...aggregates.values()].map((definition) => ({ definition, job: 1 })))
  return Object.entries(people).flatMap(([profileId, { names, from }]) => {
    const profile = fold(names, all, { from, kept })
    if (!profile) return []
    const reader = judgedProfile(profile, { profileId, computed: tradedTraits, jobOf: () => 1, nowMs })
    const { judgement } = judgeAudiences(audiences, reader, () => false).at(-1)!
    return judgement.member ? [profileId] : []
  })
}

/** So many in one look at the log, as the audit asks. */
const AT_ONCE = 40
const ways = ['as they are shown', 'as they would be counted'] as const
/** Way and condition → its members by the log. */
const found = new Map<string, string[]>()

beforeAll(async () => {
  for (const way of ways)
    for (let from = 0; from < conditions.length; from += AT_ONCE) {
      const some = conditions
        .slice(from, from + AT_ONCE)
        .map((where, i): [string, CompiledAudience] => [String(from + i), compiledAs(where)])
      const sql = membersSql(log.clickhouse, new Map(some), {
        audiences: new Map(read.map(({ id, compiled }) => [id, compiled])),
        computed: new Map(
          tradedTraits.map(({ id, aggregate }) => [
            id,
            { fromZero: true, ...(way === ways[1] && { counted: aggregate }) },
          ]),
        ),
        nowMs,
      })
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const rows = await log.clickhouse.query<{ profile_id: string; audience: string }>(sql)
      for (const { audience, profile_id } of rows) {
        const key = `${way} ${audience}`
        found.set(key, [...(found.get(key) ?? []), profile_id])
      }
    }
})

test.each(conditions.map((where, i) => [i, JSON.stringify(where).slice(0, 120), where] as const))(
  'condition %d of the seed has the same members in both, whether computed traits are read or counted: %s',
  (i, _text, where) => {
    const members = judged(compiledAs(where)).sort()
    for (const way of ways) expect([way, (found.get(`${way} ${i}`) ?? []).sort()]).toEqual([way, members])
  },
)

test('these conditions tell people apart, and every kind of leaf is among those that do', () => {
  const telling = conditions.map(compiledAs).filter((audience) => {
    const size = judged(audience).length
    return size > 0 && size < Object.keys(people).length
  })
  expect(telling.length).toBeGreaterThan(CONDITIONS / 6)
  const kinds = new Set(
    telling.flatMap(({ leaves }) =>
      leaves.map((leaf) => (leaf.kind === 'aggregate' ? leaf.aggregate.kind : leaf.kind)),
    ),
  )
  const leaves = ['trait', 'inactive', 'audience', 'identifier', 'consent', 'sample']
  const wanted = [...leaves, 'count', 'sum', 'average', 'min', 'max', 'distinct', 'sequence']
  expect(wanted.filter((kind) => !kinds.has(kind as never))).toEqual([])
})
