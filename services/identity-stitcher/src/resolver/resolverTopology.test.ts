import { describe, expect, test } from '@jest/globals'
import { type IdentityChangeRecord, topics } from '@tributary/contracts'
import { Assignment, ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { JobRecord, JobState } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type Resolution, type ResolverRules, defaultResolverRules } from '@tributary/domain'
import { type ResolverInput, resolveAll } from '@tributary/domain/testing'
import type { OutputRecord } from '@tributary/stream-runtime'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { EvidenceRecord, FactRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import fc from 'fast-check'
import { evidenceFrom, rulesFrom } from '../evidenceMessages.ts'
import { erasureRecord, evidenceRecord, factRecord, idOf, memberOf, rulesRecord } from '../testing/records.ts'
import { identityRows } from './identityTables.ts'
import { WALKED_PER_BATCH, resolverTopology } from './resolverTopology.ts'
import { type WalkProgress, isWorthTelling, walkTotal } from './tellWalk.ts'

function start() {
  const resolutions: Resolution[] = []
  const passedOver: string[] = []
  const walked: WalkProgress[] = []
  const driver = createProcessorDriver(
    resolverTopology({
      resolved: (_kind, resolution) => void resolutions.push(resolution),
      passedOver: (reason) => void passedOver.push(reason),
      walked: (progress) => void walked.push(progress),
    }),
  )
  const feed = (value: Uint8Array): OutputRecord[] => {
    driver.record(topics.evidence, { value, timestampMs: 86_400_000 })
    return driver.endBatch()
  }
  return { driver, feed, resolutions, passedOver, walked }
}

/** What a change of the rules says of weak identifiers. */
type Changed = Pick<ResolverRules, 'owner'> & {
  readonly sharedAfter: number
  readonly maxPerProfile: number
  readonly blocked: readonly string[]
}

function progressIn(sent: readonly OutputRecord[]) {
  return sent.flatMap(({ topic, value }) => {
    const said = topic === topics.jobs ? JobRecord.decode(value!).record : undefined
    return said?.$case === 'progress' ? [said.value] : []
  })
}

function assignmentsIn(sent: readonly OutputRecord[]) {
  return sent
    .filter((each) => each.topic === topics.assignments)
    .map((each) => ({ key: each.key, ...Assignment.decode(each.value!) }))
}

function changesIn(sent: readonly OutputRecord[]) {
  return sent
    .filter((each) => each.topic === topics.identityChanges)
    .map((each) => ({
      headers: each.headers,
      record: JSON.parse(Buffer.from(each.value!).toString()) as IdentityChangeRecord,
    }))
}

test('evidence gives one assignment per identifier by its key, and one public change', () => {
  const sent = start().feed(evidenceRecord(['u1', 'a1'], 1_000))
  const [u1, a1] = [idOf('u1'), idOf('a1')]
  const assignments = assignmentsIn(sent)
  expect(assignments.map((each) => each.key)).toEqual([a1, u1].sort())
  const [moved, naming] = [a1, u1].map((id) => assignments.find((each) => each.key === id))
  expect(moved).toMatchObject({
    identifierId: a1,
    type: 'anonymous_id',
    profileId: `${u1}-0`,
    change: {
      id: '0001-000000000000000001',
      kind: ChangeKind.CHANGE_KIND_MERGE,
      from: `${a1}-0`,
      into: `${u1}-0`,
    },
  })
  expect(naming).toMatchObject({ profileId: `${u1}-0`, change: { from: `${u1}-0`, into: `${u1}-0` } })
  const [change] = changesIn(sent)
  expect(change!.record).toEqual({
    changeId: '0001-000000000000000001',
    kind: 'merge',
    chunk: 0,
    chunks: 1,
    time: '1970-01-02T00:00:00.000Z',
    moves: [{ identifierId: a1, type: 'anonymous_id', from: `${a1}-0`, to: `${u1}-0` }],
    cause: { evidenceId: expect.any(String), messageId: 'm1000', source: 'web' },
  })
  expect(change!.headers).toMatchObject({
    ce_id: '1-identity-changes-0-1',
    ce_type: 'dev.tributary.identity.changed.v1',
    ce_subject: '0001-000000000000000001',
  })
})

test('moves of more than 500 identifiers come in chunks of one change', () => {
  const { feed } = start()
  const rules = {
    ...defaultResolverRules,
    types: defaultResolverRules.types.map((each) => ({ ...each, maxPerProfile: 0, sharedAfter: 0 })),
    hash: 'wide',
  }
  feed(rulesRecord(rules, 1))
  // Each set of twenty, all with e1: one profile of 571 named by e1.
  for (let set = 0; set < 30; set++)
    feed(evidenceRecord(['e1', ...Array.from({ length: 19 }, (_, n) => `a${set}-${n}`)], set))
  const changes = changesIn(feed(evidenceRecord(['u1', 'e1'], 99)))
  expect(changes.map(({ record }) => [record.chunk, record.chunks, record.moves.length])).toEqual([
    [0, 2, 500],
    [1, 2, 71],
  ])
  expect(new Set(changes.map(({ record }) => record.changeId)).size).toBe(1)
})

test('a restart from the change log goes on where it stopped', () => {
  const { driver, feed } = start()
  feed(evidenceRecord(['u1', 'a1'], 1_000))
  driver.restart()
  expect(feed(evidenceRecord(['u1', 'a1'], 1_000))).toEqual([])
  const moved = assignmentsIn(feed(factRecord({ id: 'f1', kind: 'separate', timeMs: 5 }, ['u1', 'a1'])))
  expect(moved.map((each) => [each.identifierId, each.profileId, each.change!.kind])).toEqual([
    [idOf('a1'), `${idOf('a1')}-0`, ChangeKind.CHANGE_KIND_SPLIT],
  ])
})

test('rules are carried out in bounded steps, by ticks when nothing else arrives, also across a restart', () => {
  const { driver, feed, walked } = start()
  const people = WALKED_PER_BATCH
  for (let n = 0; n < people; n++) feed(evidenceRecord([`u${n}`, `a${n}`], n))
  const types = defaultResolverRules.types.toReversed()
  const begun = feed(rulesRecord({ ...defaultResolverRules, types, hash: 'reversed' }, 7))
  const first = assignmentsIn(begun)
  expect(first.length).toBeGreaterThan(0)
  expect(first.length).toBeLessThan(2 * people)
  driver.restart()
  driver.tick(1_000)
  const ended = driver.endBatch()
  const rest = assignmentsIn(ended)
  const renamed = [...first, ...rest]
  expect(renamed).toHaveLength(2 * people)
  expect(new Set(renamed.map((each) => each.change!.kind))).toEqual(new Set([ChangeKind.CHANGE_KIND_RENAME]))
  expect(renamed.every((each) => each.change!.cause === 'rules:reversed')).toBe(true)
  // On the jobs topic: that it has begun, and that it is through.
  const { JOB_STATE_RUNNING, JOB_STATE_DONE } = JobState
  const common = { job: 7, work: 'identity' }
  expect(progressIn(begun)).toMatchObject([{ ...common, state: JOB_STATE_RUNNING, done: 0, total: 0 }])
  expect(progressIn(ended)).toMatchObject([
    { ...common, state: JOB_STATE_DONE, done: 2 * people, total: 2 * people },
  ])
  expect(walked.map((each) => [each.job, each.lookedAt])).toEqual([
    [7, 0],
    [7, WALKED_PER_BATCH],
    [7, 2 * people],
  ])
  expect(walked.map(walkTotal)).toEqual([0, expect.closeTo(2 * people, -2), 2 * people])
})

test('of a long walk the jobs topic hears every 10,000 identifiers', () => {
  expect([0, 9_999, 10_000, 12_000].map((now) => isWorthTelling(9_800, now))).toEqual([
    false,
    false,
    true,
    true,
  ])
  expect(isWorthTelling(10_000, 19_999)).toBe(false)
})

test('older rules and records that say nothing usable are passed over', () => {
  const { feed, passedOver } = start()
  feed(rulesRecord({ ...defaultResolverRules, hash: 'new' }, 7))
  feed(rulesRecord({ ...defaultResolverRules, hash: 'old' }, 6))
  feed(EvidenceRecord.encode({ record: undefined, stamp: undefined }).finish())
  feed(factRecord({ id: 'f1', kind: 'join', timeMs: 5 }, ['u1']))
  expect(passedOver).toEqual([
    'older rules',
    'it says nothing this version knows',
    'join needs two different identifiers',
  ])
})

describe('a deleted row', () => {
  const factsIn = (sent: readonly OutputRecord[]) =>
    sent.filter((each) => each.topic === topics.facts).map((each) => FactRecord.decode(each.value!))

  test('erases everyone of the profile, and is written down without what they are called', () => {
    const { feed } = start()
    feed(evidenceRecord(['u1', 'a1'], 1_000))
    feed(evidenceRecord(['u2', 'a2'], 1_000))
    const sent = feed(erasureRecord('u1', { messageId: 'd1', receivedUntilMs: 1_999 }))
    const assignments = assignmentsIn(sent)
    expect(assignments).toMatchObject(
      [idOf('u1'), idOf('a1')].sort().map((id) => ({
        identifierId: id,
        generation: 1,
        profileId: `${id}-1`,
        erasedUntilMs: 1_999,
        change: { kind: ChangeKind.CHANGE_KIND_ERASE },
      })),
    )
    const [kept] = factsIn(sent)
    expect(kept!.fact).toMatchObject({ id: assignments[0]!.change!.cause, actor: 'source crm' })
    expect(kept!.subjects.map(({ id, value }) => [id, value])).toEqual([
      [idOf('u1'), ''],
      [idOf('a1'), ''],
    ])
    expect(changesIn(sent)[0]!.record).toMatchObject({
      kind: 'erase',
      cause: { messageId: 'd1', source: 'crm' },
    })
  })

  test('that is read again, also after a restart, erases nobody again', () => {
    const { driver, feed } = start()
    const erasure = erasureRecord('u1', { messageId: 'd1', receivedUntilMs: 1_999 })
    expect(assignmentsIn(feed(erasure))).toHaveLength(1)
    expect(feed(erasure)).toEqual([])
    driver.restart()
    expect(feed(erasure)).toEqual([])
    const next = assignmentsIn(feed(erasureRecord('u1', { messageId: 'd2', receivedUntilMs: 2_999 })))
    expect(next).toMatchObject([{ generation: 2 }])
  })

  test('forgets what was received before it, whenever that comes, and nothing after', () => {
    const { feed } = start()
    feed(erasureRecord('u1', { messageId: 'd1', receivedUntilMs: 1_999 }))
    expect(assignmentsIn(feed(evidenceRecord(['u1', 'a1'], 1_000)))).toEqual([])
    const joined = assignmentsIn(feed(evidenceRecord(['u1', 'a2'], 2_000)))
    expect(joined.find(({ identifierId }) => identifierId === idOf('a2'))).toMatchObject({
      profileId: `${idOf('u1')}-1`,
    })
  })
})

test('an identifier found to be shared is said in the public change', () => {
  const { feed, resolutions } = start()
  for (const [index, user] of ['u1', 'u2', 'u3'].entries()) feed(evidenceRecord([user, 'a1'], index))
  const [change] = changesIn(feed(evidenceRecord(['u4', 'a1'], 9)))
  const shared = [{ identifierId: idOf('a1'), type: 'anonymous_id', joined: 1 }]
  expect(change!.record).toMatchObject({ kind: 'split', shared })
  expect(resolutions.at(-1)!.becameShared).toEqual(shared)
})

test('it is said also when nobody moves by it, since it is an alert', () => {
  const { feed, resolutions } = start()
  feed(rulesRecord({ ...defaultResolverRules, owner: 'nobody', hash: 'nobody' }, 7))
  for (const [index, user] of ['u1', 'u2', 'u3'].entries()) feed(evidenceRecord([user, 'a1'], index))
  // Seen with several known users it was its own already.
  const sent = feed(evidenceRecord(['u4', 'a1'], 9))
  expect(assignmentsIn(sent)).toEqual([])
  expect(changesIn(sent).map((each) => each.record)).toMatchObject([
    {
      kind: 'split',
      chunk: 0,
      chunks: 1,
      moves: [],
      shared: [{ identifierId: idOf('a1'), type: 'anonymous_id', joined: 1 }],
    },
  ])
  expect(resolutions.at(-1)!.becameShared).toHaveLength(1)
  expect(changesIn(feed(evidenceRecord(['u5', 'a1'], 10)))).toEqual([])
})

test('a change of the rules that finds thousands to be shared says so in records of bounded size', () => {
  const { driver, feed } = start()
  const devices = 1_200
  for (let n = 0; n < devices; n++)
    for (const user of ['u1', 'u2'])
      driver.record(topics.evidence, { value: evidenceRecord([`${user}${n}`, `a${n}`], n) })
  driver.endBatch()
  const types = defaultResolverRules.types.map((each) => (each.strong ? each : { ...each, sharedAfter: 1 }))
  const sent = [...feed(rulesRecord({ ...defaultResolverRules, types, hash: 'one' }, 7))]
  for (let second = 1; second < 5; second++) {
    driver.tick(second * 1_000)
    sent.push(...driver.endBatch())
  }
  const found = changesIn(sent).map((each) => each.record.shared ?? [])
  expect(new Set(found.flat().map((each) => each.identifierId)).size).toBe(devices)
  expect(found.flat()).toHaveLength(devices)
  expect(Math.max(...found.map((each) => each.length))).toBeLessThanOrEqual(500)
})

test('over the task’s tables, in any batches, with restarts and changes of rules, it resolves as the oracle does', () => {
  const names = ['u1', 'u2', 'u3', 'e1', 'e2', 'a1', 'a2', 'a3']
  const step = fc.oneof(
    fc.record({
      set: fc.uniqueArray(fc.constantFrom(...names), { minLength: 2, maxLength: 3 }),
      timeMs: fc.nat(9),
    }),
    fc.constantFrom('batch' as const, 'restart' as const),
    fc.record({
      sharedAfter: fc.integer({ min: 0, max: 3 }),
      maxPerProfile: fc.integer({ min: 0, max: 3 }),
      owner: fc.constantFrom('first' as const, 'nobody' as const),
      blocked: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
    }),
  )
  const rulesFor = (
    { sharedAfter, maxPerProfile, owner, blocked }: Changed,
    hash: string,
  ): ResolverRules => ({
    types: defaultResolverRules.types.map((each) =>
      each.strong ? each : { ...each, sharedAfter, maxPerProfile },
    ),
    owner,
    blocked: blocked.map(memberOf),
    hash,
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const { driver } = start()
      const records: Uint8Array[] = []
      for (const each of steps) {
        if (each === 'batch') driver.endBatch()
        else if (each === 'restart') {
          driver.endBatch()
          driver.restart()
        } else {
          const at = records.length
          records.push(
            'set' in each ? evidenceRecord(each.set, each.timeMs) : rulesRecord(rulesFor(each, `${at}`), at),
          )
          driver.record(topics.evidence, { value: records.at(-1)! })
        }
      }
      driver.endBatch()
      const oracle = resolveAll(
        records.flatMap((value): readonly ResolverInput[] => {
          const said = EvidenceRecord.decode(value).record
          if (said?.$case === 'rules')
            return [
              {
                kind: 'rules' as const,
                rules: rulesFrom(said.value),
                configOffset: said.value.configOffset,
              },
            ]
          const evidence = said?.$case === 'evidence' ? evidenceFrom(said.value) : undefined
          return evidence ? [{ kind: 'evidence' as const, evidence }] : []
        }),
      )
      const rows = identityRows({ table: (spec) => ({ ...driver.table(spec), put() {}, delete() {} }) })
      for (const [id, profile] of oracle.profiles) {
        const row = rows.identifiers.get(id)
        const name = row?.profile ?? { identifierId: id, generation: 0 }
        expect(`${name.identifierId}-${name.generation}`).toBe(profile)
      }
    }),
    { numRuns: 100 },
  )
})

test('moves that were made in silence are told, those that are still so: merged into another profile, or split off to its own', () => {
  const { driver, feed } = start()
  feed(evidenceRecord(['u1', 'a1', 'e1'], 1_000))
  const [u1, a1, a2, e1] = ['u1', 'a1', 'a2', 'e1'].map(idOf) as [string, string, string, string]
  const moves = [
    { identifierId: a1, type: 'anonymous_id', from: `${a1}-0`, to: `${u1}-0` },
    // It has moved on since.
    { identifierId: e1, type: 'email', from: `${e1}-0`, to: `${a2}-0` },
    { identifierId: a2, type: 'anonymous_id', from: `${u1}-0`, to: `${a2}-0` },
  ]
  const value = EvidenceRecord.encode({ record: { $case: 'moved', value: { moves } } }).finish()
  const sent = feed(value)
  expect(assignmentsIn(sent)).toEqual([])
  expect(
    changesIn(sent).map(({ record }) => [record.kind, record.chunk, record.chunks, record.moves]),
  ).toEqual([
    ['split', 0, 2, [moves[2]]],
    ['merge', 1, 2, [moves[0]]],
  ])
  // Nothing of it changes what the resolver knows.
  expect(feed(evidenceRecord(['u1', 'a1', 'e1'], 1_000))).toEqual([])
  expect(driver).toBeDefined()
})
