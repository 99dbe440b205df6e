import { expect, test } from '@jest/globals'
import { topics } from '@tributary/contracts'
import { EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { Assignment, ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { EvidenceClass, EvidenceRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import type { OutputRecord } from '@tributary/stream-runtime'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { eventRecord, idOf, memberOf } from '../testing/records.ts'
import { extractorTopology } from './extractorTopology.ts'

const topology = extractorTopology({ seen: () => {}, sent: () => {} })
const DAY = 24 * 3_600_000

function evidenceIn(sent: readonly OutputRecord[]) {
  return sent.map((each) => {
    const said = EvidenceRecord.decode(each.value!).record
    if (said?.$case !== 'evidence') throw new Error('no evidence')
    return said.value
  })
}

test('an event with two identifiers becomes evidence, keyed by its id, in the one partition', () => {
  const driver = createProcessorDriver(topology)
  driver.record(topics.events, { value: eventRecord(['u1', 'a1'], { type: EventType.EVENT_TYPE_IDENTIFY }) })
  const sent = driver.endBatch()
  expect(sent.map((each) => [each.topic.name, each.partition])).toEqual([['internal.evidence.v1', 0]])
  const [evidence] = evidenceIn(sent)
  expect(evidence).toEqual({
    id: sent[0]!.key,
    class: EvidenceClass.EVIDENCE_CLASS_IDENTIFY,
    sourceId: 'web',
    members: [memberOf('u1'), memberOf('a1')].sort((a, b) => (a.id < b.id ? -1 : 1)),
    firstTimeMs: 1_000,
    messageId: 'm1',
    receivedTimeMs: 1_000,
  })
  expect(sent[0]!.key).toMatch(/^[0-9a-f]{32}$/)
})

test('what was sent is not sent again, but when it was earlier or after a day, also after a restart', () => {
  const driver = createProcessorDriver(topology)
  const see = (timeMs: number, receivedTimeMs = timeMs): number => {
    driver.record(topics.events, { value: eventRecord(['u1', 'a1'], { timeMs, receivedTimeMs }) })
    return driver.endBatch().length
  }
  expect(see(1_000)).toBe(1)
  expect(see(2_000)).toBe(0)
  driver.restart()
  expect(see(2_000)).toBe(0)
  expect(see(500, 2_000)).toBe(1)
  expect(see(2_000, 2_000 + DAY)).toBe(1)
})

test('evidence that is not sent on changes no state', () => {
  const driver = createProcessorDriver(topology)
  driver.record(topics.events, { value: eventRecord(['u1', 'a1']) })
  driver.endBatch()
  const before = driver.changeLog().length
  driver.record(topics.events, { value: eventRecord(['u1', 'a1'], { messageId: 'm2', timeMs: 5_000 }) })
  driver.endBatch()
  // Meta only.
  expect(driver.changeLog().length - before).toBe(1)
})

test('control records and events with one identifier are no evidence', () => {
  const driver = createProcessorDriver(topology)
  const control = EventRecord.fromPartial({ record: { $case: 'control', value: { job: 1 } } })
  driver.record(topics.events, { value: EventRecord.encode(control).finish() })
  driver.record(topics.events, { value: eventRecord(['u1']) })
  driver.record(topics.events, { value: eventRecord([]) })
  expect(driver.endBatch()).toEqual([])
})

test('an event that erases is an erasure of its anchor, and no evidence', () => {
  const driver = createProcessorDriver(topology)
  const erases = eventRecord(['u1', 'e1'], { erases: true, messageId: 'd1', receivedTimeMs: 5_000 })
  for (const value of [erases, eventRecord([], { erases: true })])
    driver.record(topics.events, { value, timestampMs: 9_000 })
  const [sent, ...more] = driver.endBatch()
  expect(more).toEqual([])
  expect(sent).toMatchObject({ topic: topics.evidence, partition: 0 })
  expect(EvidenceRecord.decode(sent!.value!).record).toEqual({
    $case: 'erasure',
    value: {
      factId: sent!.key,
      member: memberOf('u1'),
      sourceId: 'web',
      messageId: 'd1',
      receivedUntilMs: 4_999,
    },
  })
})

test('what an erased anchor was seen with is sent on again when it is seen after the erasure, also after a restart', () => {
  const driver = createProcessorDriver(topology)
  const see = (receivedTimeMs: number, erases = false): number => {
    const value = eventRecord(['u1', 'e1'], { timeMs: 1_000, receivedTimeMs, erases })
    driver.record(topics.events, { value, timestampMs: 9_000 })
    return driver.endBatch().length
  }
  expect(see(1_000)).toBe(1)
  expect(see(5_000, true)).toBe(1)
  driver.restart()
  expect(see(4_999)).toBe(0)
  expect(see(5_000)).toBe(1)
  expect(see(5_001)).toBe(0)
})

test('an alias from a trusted source is a join of the two names', () => {
  const driver = createProcessorDriver(topology)
  const previous = { ...memberOf('u0'), value: 'u0' }
  for (const trusted of [false, true])
    driver.record(topics.events, {
      value: eventRecord(['u1'], { type: EventType.EVENT_TYPE_ALIAS, previous, trusted }),
    })
  const evidence = evidenceIn(driver.endBatch())
  expect(evidence.map((each) => each.class)).toEqual([
    EvidenceClass.EVIDENCE_CLASS_ALIAS,
    EvidenceClass.EVIDENCE_CLASS_JOIN,
  ])
  expect(evidence[1]!.members.map((each) => each.id).sort()).toEqual([idOf('u0'), idOf('u1')].sort())
})

test('what is erased is dropped from the state, and from its change log by tombstones; seen again it is sent on anew', () => {
  const driver = createProcessorDriver(topology)
  const sees = (names: readonly string[]): number => {
    driver.record(topics.events, { value: eventRecord([...names]) })
    return driver.endBatch().length
  }
  const held = () => [...new Map(driver.changeLog().map(({ key, value }) => [key!, value] as const))]
  const about = (name: string) =>
    held().filter(([key, value]) => key.includes(idOf(name)) && value !== null).length
  // More sets than one batch drops.
  const others = Array.from({ length: 1_200 }, (_, n) => `a${n}`)
  for (const other of others) driver.record(topics.events, { value: eventRecord(['u1', other]) })
  driver.endBatch()
  expect([sees(['u2', 'a1']), sees(['u1', 'a1']), about('u1')]).toEqual([1, 0, 1_200])

  const erased = Assignment.fromPartial({
    identifierId: idOf('u1'),
    profileId: `${idOf('u1')}-1`,
    generation: 1,
    change: { id: 'c1', kind: ChangeKind.CHANGE_KIND_ERASE },
  })
  driver.record(topics.assignments, { value: Assignment.encode(erased).finish() })
  driver.endBatch()
  driver.restart()
  driver.tick(1_000)
  driver.endBatch()
  expect([about('u1'), about('u2')]).toEqual([0, 1])
  expect([sees(['u2', 'a1']), sees(['u1', 'a1']), sees(['u1', 'a1'])]).toEqual([0, 1, 0])
})
