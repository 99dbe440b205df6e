import { expect, test } from '@jest/globals'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { topics } from '@tributary/contracts'
import {
  DeadLetter,
  type Delivery,
  DeliveryOutcome,
  DeliveryRecord,
  OutcomeKind,
  type PendingDelivery,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type ProcessorDriver, createProcessorDriver } from '@tributary/stream-runtime/testing'
import { delivery } from '../testing/deliveries.ts'
import { BACK_OFF_MS } from './backOff.ts'
import { type Answered, createDeliveryTopology } from './deliveryTopology.ts'
import { destinationTable, dueBy, dueTable, everythingOf, pendingTable, queueTable } from './queueRows.ts'

type Driver = ProcessorDriver<WorkspaceConfiguration, Answered>

function start(...deliveries: Delivery[]): Driver {
  const driver: Driver = createProcessorDriver(createDeliveryTopology(), { partition: 2 })
  for (const one of deliveries) arrive(driver, one)
  driver.endBatch()
  return driver
}
function arrive(driver: Driver, one: Delivery, timestampMs = 100): void {
  const value = DeliveryRecord.encode({ delivery: one, stamp: undefined }).finish()
  driver.record(topics.deliveries, { key: `${one.destinationId}|${one.profileId}`, value, timestampMs })
}
/** Heads that are due by a time, with the keys of their rows. */
function due(driver: Driver, nowMs = 1e14, destination = 'crm'): { key: string; row: PendingDelivery }[] {
  const { from, to } = dueBy(destination, nowMs)
  return [...driver.table(dueTable).range(from, to)].map(([, key]) => {
    const row = driver.table(queueTable).get(key)
    if (!row) throw new Error(`due without a row: ${key}`)
    return { key, row }
  })
}
function dueIds(driver: Driver, nowMs?: number): (string | undefined)[] {
  return due(driver, nowMs).map(({ row }) => row.delivery?.id)
}
interface Given {
  status?: number
  retryAfterMs?: number
  atMs?: number
  attempt?: number
}
function answer(
  driver: Driver,
  id: string,
  { status = 200, retryAfterMs, atMs = 200, attempt }: Given = {},
): void {
  const found = due(driver).find(({ row }) => row.delivery?.id === id)
  if (!found) throw new Error(`${id} is not due`)
  driver.inject({
    row: found.key,
    deliveryId: id,
    attempt: attempt ?? found.row.attempts + 1,
    fileEnd: '',
    leftOut: [],
    answer: { kind: 'status', status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    atMs,
    random: 0,
    document: 'h',
  })
}
function sent(driver: Driver): { outcomes: DeliveryOutcome[]; dead: DeadLetter[] } {
  const records = driver.endBatch()
  expect(records.every((record) => record.partition === 2)).toBe(true)
  const of = (topic: string): Uint8Array[] =>
    records.filter((record) => record.topic.name === topic).map(({ value }) => value ?? new Uint8Array())
  return {
    outcomes: of(topics.deliveryOutcomes.name).map((value) => DeliveryOutcome.decode(value)),
    dead: of(topics.deadLetters.name).map((value) => DeadLetter.decode(value)),
  }
}
function rows(driver: Driver): number {
  const { from, to } = everythingOf('')
  return (
    [...driver.table(pendingTable).range(from, to)].length +
    [...driver.table(queueTable).range(from, to)].length +
    [...driver.table(dueTable).range(from, to)].length
  )
}

test('only the oldest delivery of a destination and profile is due', () => {
  const driver = start(delivery('a'), delivery('b'), delivery('c', { profileId: 'p2' }))
  expect(dueIds(driver)).toEqual(['a', 'c'])
})

test('the next one follows when the first is delivered', () => {
  const driver = start(delivery('a'), delivery('b'))
  answer(driver, 'a')
  expect(sent(driver).outcomes).toEqual([
    expect.objectContaining({
      deliveryId: 'a',
      kind: OutcomeKind.OUTCOME_KIND_DELIVERED,
      attempt: 1,
      status: 200,
      timeMs: 200,
    }),
  ])
  expect(dueIds(driver)).toEqual(['b'])
  answer(driver, 'b')
  sent(driver)
  expect(rows(driver)).toBe(0)
})

test('one that failed waits, its followers wait behind it, others go on', () => {
  const driver = start(delivery('a'), delivery('b'), delivery('c', { profileId: 'p2' }))
  answer(driver, 'a', { status: 500, atMs: 1_000 })
  expect(sent(driver).outcomes).toEqual([
    expect.objectContaining({ deliveryId: 'a', kind: OutcomeKind.OUTCOME_KIND_RETRY, code: 'HTTP_500' }),
  ])
  expect(dueIds(driver, 1_000 + BACK_OFF_MS[0]! - 1)).toEqual(['c'])
  expect(dueIds(driver, 1_000 + BACK_OFF_MS[0]!)).toEqual(['c', 'a'])
})

test('the number of pending deliveries is known per destination', () => {
  const driver = start(delivery('a'), delivery('b'), delivery('c', { destinationId: 'erp' }))
  const pending = (): unknown[] => [...driver.table(pendingTable).range('', '~')]
  expect(pending()).toEqual([
    ['crm', 2],
    ['erp', 1],
  ])
  answer(driver, 'a')
  sent(driver)
  answer(driver, 'b', { status: 422 })
  sent(driver)
  expect(pending()).toEqual([['erp', 1]])
})

test('tries and waits survive a restart', () => {
  const driver = start(delivery('a'), delivery('b'))
  answer(driver, 'a', { status: 500, atMs: 1_000 })
  sent(driver)
  driver.restart()
  expect(due(driver, 1_999)).toEqual([])
  expect(due(driver)[0]?.row).toMatchObject({
    attempts: 1,
    failures: 1,
    nextTryMs: 2_000,
    lastCode: 'HTTP_500',
  })
})

test('what the destination will never take becomes a dead letter, whole, and the next one follows', () => {
  const bad = delivery('a')
  const driver = start(bad, delivery('b'))
  answer(driver, 'a', { status: 422 })
  const { outcomes, dead } = sent(driver)
  expect(outcomes).toEqual([
    expect.objectContaining({ kind: OutcomeKind.OUTCOME_KIND_DEAD, code: 'HTTP_422' }),
  ])
  expect(dead).toEqual([expect.objectContaining({ delivery: bad, attempts: 1, last: outcomes[0] })])
  expect(dueIds(driver)).toEqual(['b'])
})

test('after the last wait of the back-off it is given up', () => {
  const driver = start(delivery('a'))
  let atMs = 1_000
  for (const wait of BACK_OFF_MS) {
    answer(driver, 'a', { status: 500, atMs })
    expect(sent(driver).dead).toEqual([])
    atMs += wait
    expect(dueIds(driver, atMs)).toEqual(['a'])
  }
  answer(driver, 'a', { status: 500, atMs })
  expect(sent(driver).dead).toEqual([expect.objectContaining({ attempts: BACK_OFF_MS.length + 1 })])
  expect(rows(driver)).toBe(0)
})

test.each([429, 401, 410])('%i holds the destination and costs the item nothing', (status) => {
  const driver = start(delivery('a'))
  answer(driver, 'a', { status, atMs: 1_000 })
  expect(sent(driver).outcomes).toEqual([expect.objectContaining({ kind: OutcomeKind.OUTCOME_KIND_RETRY })])
  expect(due(driver, 1_000)[0]?.row).toMatchObject({ attempts: 1, failures: 0 })
  expect(driver.table(destinationTable).get('crm')).toMatchObject({ code: `HTTP_${status}`, document: 'h' })
})

test('an answer counts once, and only for the try it is about', () => {
  const driver = start(delivery('a'), delivery('b'))
  const late = due(driver)[0]!
  answer(driver, 'a')
  expect(sent(driver).outcomes).toHaveLength(1)
  driver.inject({
    row: late.key,
    deliveryId: 'a',
    attempt: 1,
    fileEnd: '',
    leftOut: [],
    answer: { kind: 'status', status: 500 },
    atMs: 300,
    random: 0,
    document: 'h',
  })
  answer(driver, 'b', { attempt: 7 })
  expect(sent(driver)).toEqual({ outcomes: [], dead: [] })
  expect(dueIds(driver)).toEqual(['b'])
})

test('what must not be sent is recorded as filtered with the reason, and never due', () => {
  const driver = start()
  arrive(driver, delivery('a', { filtered: 'no consent to email' }))
  expect(sent(driver).outcomes).toEqual([
    expect.objectContaining({
      deliveryId: 'a',
      kind: OutcomeKind.OUTCOME_KIND_FILTERED,
      attempt: 0,
      message: 'no consent to email',
    }),
  ])
  expect(rows(driver)).toBe(0)
})

test('a delivery knows nothing of one destination when it is about another', () => {
  const driver = start(
    delivery('a'),
    delivery('b', { destinationId: 'crm-2' }),
    delivery('c', { destinationId: 'cr' }),
  )
  expect(dueIds(driver)).toEqual(['a'])
  answer(driver, 'a', { status: 401 })
  sent(driver)
  expect(driver.table(destinationTable).get('crm-2')).toBeUndefined()
})
