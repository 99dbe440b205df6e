import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { changeTypes, topics } from '@tributary/contracts'
import { type Delivery, DeliveryRecord } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type ProcessorDriver, createProcessorDriver } from '@tributary/stream-runtime/testing'
import { audienceChange, profileChange } from '../testing/changes.ts'
import { audienceSync, destination, workspaceOf } from '../testing/workspace.ts'
import { createSyncTopology } from './syncTopology.ts'

type Driver = ProcessorDriver<WorkspaceConfiguration>

const person = (i: number) => `${String(i).padStart(32, '0')}-0`
const without = workspaceOf(destination())
const sending = workspaceOf(
  destination(),
  audienceSync({ existing: 'send', fields: { who: 'profileId', plan: 'traits.plan' } }),
)

function start(workspace: WorkspaceConfiguration): Driver {
  const driver = createProcessorDriver(createSyncTopology())
  driver.configuration(workspace)
  return driver
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value))

/** A person's n-th change: in the audience, or out of it. Both records, the profile's first unless said. */
function becomes(
  driver: Driver,
  i: number,
  n: number,
  change: 'entered' | 'left' | 'merged',
  { reason = 'event', profileFirst = true }: { reason?: 'event' | 'definition'; profileFirst?: boolean } = {},
): void {
  const profileId = person(i)
  const tellProfile = () => {
    const after = { 'traits.plan': `plan-${n}` }
    const headers = { ce_id: `p-${i}-${n}`, ce_type: changeTypes.profileUpdated }
    const value = json(profileChange(n, { profileId, after }))
    driver.record(topics.profileChanges, { key: profileId, value, headers, timestampMs: 7 })
  }
  const tellAudience = () => {
    const headers = { ce_id: `a-${i}-${n}`, ce_type: changeTypes.audienceEntered }
    const value = json(audienceChange(n, { profileId, change, reason }))
    driver.record(topics.audienceChanges, { key: profileId, value, headers, timestampMs: 8 })
  }
  if (profileFirst) tellProfile()
  tellAudience()
  if (!profileFirst) tellProfile()
}

function deliveries(driver: Driver): Delivery[] {
  return driver.endBatch().map(({ value }) => DeliveryRecord.decode(value ?? new Uint8Array()).delivery!)
}
const said = (delivery: Delivery) => {
  const { who, plan } = (JSON.parse(delivery.body) as { data: { who: string; plan: string } }).data
  return `${Number(who.slice(0, 32))} ${plan}`
}

test('those who are members already are sent once, with their fields as they are now, and over a restart', () => {
  const driver = start(without)
  for (let i = 0; i < 1_200; i++) becomes(driver, i, 1, 'entered')
  becomes(driver, 7, 2, 'left')
  deliveries(driver)
  driver.configuration(sending)
  const sent: Delivery[] = []
  for (let batch = 0; batch < 5; batch++) {
    driver.tick(1_000 + batch)
    sent.push(...deliveries(driver))
    driver.restart()
    driver.configuration(sending)
  }
  expect(sent).toHaveLength(1_199)
  expect(new Set(sent.map(({ id }) => id)).size).toBe(1_199)
  expect(sent.slice(0, 2).map(said)).toEqual(['0 plan-1', '1 plan-1'])
  expect(sent[0]!.type).toBe(changeTypes.audienceEntered)
})

test('a profile that was merged is no member any more: the one it is part of now is sent', () => {
  const driver = start(without)
  becomes(driver, 1, 1, 'entered')
  becomes(driver, 1, 2, 'merged')
  becomes(driver, 2, 3, 'entered')
  deliveries(driver)
  driver.configuration(sending)
  expect(deliveries(driver).map(({ profileId }) => profileId)).toEqual([person(2)])
})

test('without `existing: send` nobody is sent because a sync or an audience was made', () => {
  const driver = start(workspaceOf(destination(), audienceSync()))
  becomes(driver, 1, 1, 'entered', { reason: 'definition' })
  driver.tick(1)
  expect(deliveries(driver)).toEqual([])
  becomes(driver, 1, 2, 'left', { reason: 'definition' })
  expect(deliveries(driver)).toHaveLength(1)
})

test('with it those who enter because an audience was made or widened are sent', () => {
  const driver = start(sending)
  becomes(driver, 1, 1, 'entered', { reason: 'definition' })
  expect(deliveries(driver)).toHaveLength(1)
})

test('another mapping does not send everybody again; another destination does', () => {
  const driver = start(without)
  becomes(driver, 1, 1, 'entered')
  deliveries(driver)
  driver.configuration(sending)
  expect(deliveries(driver)).toHaveLength(1)
  driver.configuration(
    workspaceOf(destination(), audienceSync({ existing: 'send', fields: { who: 'version' } })),
  )
  expect(deliveries(driver)).toEqual([])
  driver.configuration(
    workspaceOf(destination(), destination({ id: 'erp' }), audienceSync({ existing: 'send', to: 'erp' })),
  )
  expect(deliveries(driver)).toHaveLength(1)
})

test('whenever a sync begins among people who come and go: nobody is missed, and nobody entered twice', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        i: fc.nat(5),
        profileFirst: fc.boolean(),
      }),
    },
    fc.constantFrom('batch' as const, 'batch' as const, 'restart' as const),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(40), (steps, beginAt) => {
      let workspace = without
      const driver = start(workspace)
      const versions = new Map<number, number>()
      const members = new Set<number>()
      /** What the destination believes. */
      const told = new Map<number, boolean>()
      const take = () => {
        for (const each of deliveries(driver)) {
          const i = Number(each.profileId.slice(0, 32))
          const entered = !each.changeId.startsWith('a-') || Number(each.changeId.split('-')[2]) % 2 === 1
          // Who leaves before it was its turn is told to have left, and never to have entered.
          expect([i, told.get(i)]).not.toEqual([i, entered])
          told.set(i, entered)
        }
      }
      for (const [at, each] of steps.entries()) {
        if (at === beginAt) driver.configuration((workspace = sending))
        if (each === 'batch') take()
        else if (each === 'restart') {
          take()
          driver.restart()
          driver.configuration(workspace)
        } else {
          const n = (versions.get(each.i) ?? 0) + 1
          versions.set(each.i, n)
          const change = members.has(each.i) ? 'left' : 'entered'
          if (change === 'left') members.delete(each.i)
          else members.add(each.i)
          // Before the sync there is nobody to tell.
          if (workspace === without && change === 'left') told.delete(each.i)
          becomes(driver, each.i, n, change, each)
        }
      }
      driver.configuration(sending)
      take()
      driver.tick(1)
      take()
      for (const i of members) expect([i, told.get(i)]).toEqual([i, true])
      for (const [i, isIn] of told) expect([i, isIn]).toEqual([i, members.has(i)])
    }),
    { numRuns: 300 },
  )
})
