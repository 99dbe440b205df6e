import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { topics } from '@tributary/contracts'
import {
  type Delivery,
  DeliveryOutcome,
  DeliveryRecord,
  OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type ProcessorDriver, createProcessorDriver } from '@tributary/stream-runtime/testing'
import { delivery } from '../testing/deliveries.ts'
import { type Injected, createDeliveryTopology } from './deliveryTopology.ts'
import { deadCountTable, deadTable, dueBy, dueTable, pendingTable, queueTable } from './queueRows.ts'

type Driver = ProcessorDriver<WorkspaceConfiguration, Injected>

const start = (): Driver => createProcessorDriver(createDeliveryTopology(), { partition: 2 })

function arrive(driver: Driver, one: Delivery): void {
  const value = DeliveryRecord.encode({ delivery: one, stamp: undefined }).finish()
  driver.record(topics.deliveries, { key: `${one.destinationId}|${one.profileId}`, value, timestampMs: 100 })
}

/** Answers the head of each profile's queue with a status. */
function answerHeads(driver: Driver, status: number): void {
  const { from, to } = dueBy('crm', 1e14)
  for (const [, row] of Array.from(driver.table(dueTable).range(from, to))) {
    const { delivery: one, attempts } = driver.table(queueTable).get(row)!
    driver.inject({
      row,
      deliveryId: one!.id,
      attempt: attempts + 1,
      fileEnd: '',
      leftOut: [],
      answer: { kind: 'status', status },
      atMs: 200,
      random: 0,
      document: 'h',
    })
  }
}

const letters = (driver: Driver) => [...driver.table(deadTable).range('', '~')]

function decideAll(driver: Driver, command: 'redrive' | 'discard'): void {
  for (const [row, letter] of letters(driver))
    driver.inject({
      command,
      row,
      deliveryId: letter.delivery!.id,
      actor: 'ada',
      reason: 'mended',
      atMs: 300,
    })
}

const words = new Map(Object.entries(OutcomeKind).map(([name, kind]) => [kind, name.slice(13).toLowerCase()]))
const wordOf = (kind: OutcomeKind) => words.get(kind) ?? ''

function outcomes(driver: Driver): string[] {
  return driver
    .endBatch()
    .filter(({ topic }) => topic.name === topics.deliveryOutcomes.name)
    .map(({ value }) => DeliveryOutcome.decode(value!))
    .map(({ deliveryId, kind, code }) => `${deliveryId} ${wordOf(kind)} ${code}`)
}

const version = (n: number) => `0001-${String(n).padStart(18, '0')}`

test('a dead letter is kept whole, with why, until it is redriven, and then tried again', () => {
  const driver = start()
  arrive(driver, delivery('a'))
  driver.endBatch()
  answerHeads(driver, 422)
  expect(outcomes(driver)).toEqual(['a dead HTTP_422'])
  expect(letters(driver)).toMatchObject([
    ['crm|p1|000000000000001', { delivery: delivery('a'), attempts: 1, last: { code: 'HTTP_422' } }],
  ])
  driver.restart()
  decideAll(driver, 'redrive')
  decideAll(driver, 'redrive') // L2
  expect(outcomes(driver)).toEqual(['a redriven REDRIVEN'])
  expect(letters(driver)).toEqual([])
  answerHeads(driver, 200)
  expect(outcomes(driver)).toEqual(['a delivered '])
  expect([...driver.table(pendingTable).range('', '~')]).toEqual([])
  expect([...driver.table(deadCountTable).range('', '~')]).toEqual([])
})

test('a redriven delivery that fails again is a dead letter again', () => {
  const driver = start()
  arrive(driver, delivery('a'))
  driver.endBatch()
  for (const attempts of [1, 2]) {
    answerHeads(driver, 400)
    expect(outcomes(driver)).toEqual(['a dead HTTP_400'])
    expect(letters(driver)).toMatchObject([[expect.anything(), { attempts }]])
    decideAll(driver, 'redrive')
    expect(outcomes(driver)).toEqual(['a redriven REDRIVEN'])
  }
})

test('one that is discarded is gone, and is said to be', () => {
  const driver = start()
  arrive(driver, delivery('a'))
  driver.endBatch()
  answerHeads(driver, 422)
  outcomes(driver)
  decideAll(driver, 'discard')
  expect(outcomes(driver)).toEqual(['a discarded DISCARDED'])
  expect(letters(driver)).toEqual([])
  answerHeads(driver, 200)
  expect(outcomes(driver)).toEqual([])
})

test.each<[string, Partial<Delivery>, string]>([
  ['a newer version of the same sync and profile', {}, 'a filtered SUPERSEDED'],
  ['another sync', { syncId: 'other' }, 'a redriven REDRIVEN'],
  ['another profile', { profileId: 'p2' }, 'a redriven REDRIVEN'],
  ['another destination', { destinationId: 'erp' }, 'a redriven REDRIVEN'],
])('is not sent after %s, waiting or delivered', (_, over, expected) => {
  for (const deliveredFirst of [true, false]) {
    const driver = start()
    arrive(driver, delivery('a', { version: version(1) }))
    driver.endBatch()
    answerHeads(driver, 422)
    outcomes(driver)
    arrive(driver, delivery('b', { version: version(2), ...over }))
    driver.endBatch()
    if (deliveredFirst) {
      answerHeads(driver, 200)
      outcomes(driver)
    }
    decideAll(driver, 'redrive')
    expect(outcomes(driver)).toEqual([expected])
  }
})

test('whatever fails, is redriven and restarted: no version is delivered after a newer one, and each delivery ends once', () => {
  const step = fc.oneof(
    fc.record({ arrive: fc.constantFrom('p1', 'p2'), sync: fc.constantFrom('s1', 's2') }),
    fc.record({ answer: fc.constantFrom(200, 422, 200) }),
    fc.record({ decide: fc.constantFrom('redrive' as const, 'redrive' as const, 'discard' as const) }),
    fc.constant({ restart: true }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const driver = start()
      const made = new Map<string, Delivery>()
      const told: string[] = []
      for (const each of steps) {
        if ('arrive' in each) {
          const id = `d${made.size}`
          const one = delivery(id, {
            profileId: each.arrive,
            syncId: each.sync,
            version: version(made.size),
          })
          made.set(id, one)
          arrive(driver, one)
        } else if ('answer' in each) answerHeads(driver, each.answer)
        else if ('decide' in each) decideAll(driver, each.decide)
        else driver.restart()
        told.push(...outcomes(driver))
      }
      for (let i = 0; i <= made.size; i++) {
        answerHeads(driver, 200)
        told.push(...outcomes(driver))
      }
      const newest = new Map<string, string>()
      for (const id of told
        .filter((each) => each.includes(' delivered '))
        .map((each) => each.split(' ')[0]!)) {
        const { profileId, syncId, version: at } = made.get(id)!
        const lane = `${profileId} ${syncId}`
        expect(at > (newest.get(lane) ?? '')).toBe(true)
        newest.set(lane, at)
      }
      const dead = new Set(letters(driver).map(([, letter]) => letter.delivery!.id))
      for (const id of made.keys()) {
        const of = (kind: string) => told.filter((each) => each.startsWith(`${id} ${kind}`)).length
        expect([id, of('delivered') + of('filtered') + of('discarded') + Number(dead.has(id))]).toEqual([
          id,
          1,
        ])
        expect(of('dead')).toBe(of('redriven') + of('filtered') + of('discarded') + Number(dead.has(id)))
      }
    }),
    { numRuns: 300 },
  )
})
