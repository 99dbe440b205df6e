import { expect, test } from '@jest/globals'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import {
  type AudienceChangeRecord,
  type ProfileChangeRecord,
  changeTypes,
  topics,
  versionOf,
} from '@tributary/contracts'
import { type Delivery, DeliveryRecord } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type ProcessorDriver, createProcessorDriver } from '@tributary/stream-runtime/testing'
import fc from 'fast-check'
import { ADA, BEA, audienceChange, profileChange } from '../testing/changes.ts'
import { audienceSync, destination, profileSync, workspaceOf } from '../testing/workspace.ts'
import { createSyncTopology, waitingTable } from './syncTopology.ts'

type Driver = ProcessorDriver<WorkspaceConfiguration>

function start(workspace: WorkspaceConfiguration): Driver {
  const driver = createProcessorDriver(createSyncTopology())
  driver.configuration(workspace)
  return driver
}
function profile(driver: Driver, record: ProfileChangeRecord): void {
  const headers = { ce_id: `p-${record.version}`, ce_type: changeTypes.profileUpdated }
  driver.record(topics.profileChanges, {
    key: record.profileId,
    value: json(record),
    headers,
    timestampMs: 7,
  })
}
function audience(driver: Driver, record: AudienceChangeRecord): void {
  const headers = { ce_id: Buffer.from(`a-${record.version}`), ce_type: changeTypes.audienceEntered }
  driver.record(topics.audienceChanges, {
    key: record.profileId,
    value: json(record),
    headers,
    timestampMs: 8,
  })
}
function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
function deliveries(driver: Driver): Delivery[] {
  return driver.endBatch().map(({ value }) => DeliveryRecord.decode(value ?? new Uint8Array()).delivery!)
}
function data(delivery: Delivery | undefined): unknown {
  return (JSON.parse(delivery?.body ?? '{}') as { data: unknown }).data
}

const mapped = audienceSync({
  fields: {
    contact: 'identifiers.crm_id',
    mail: 'identifiers.email',
    plan: 'traits.plan',
    spend: 'computed.spend',
    who: 'profileId',
    what: 'change',
    list: 'audience',
    origin: { const: 'tributary' },
  },
})
const known = profileChange(1, {
  after: { 'traits.plan': 'pro', 'computed.spend': 210.5 },
  identifiers: { added: [{ type: 'crm_id', value: 'c-1' }], removed: [] },
})

test('a person who enters an audience is sent to its destination, with the mapped fields', () => {
  const driver = start(workspaceOf(destination(), mapped))
  profile(driver, known)
  audience(driver, audienceChange(1))
  const [delivery, ...rest] = deliveries(driver)
  expect(rest).toEqual([])
  expect(delivery).toMatchObject({
    destinationId: 'crm',
    syncId: 'vips-to-crm',
    profileId: ADA,
    version: versionOf(1, 1),
    type: changeTypes.audienceEntered,
    changeId: `a-${versionOf(1, 1)}`,
    createdTimeMs: 8,
    filtered: '',
    lane: '',
    withdraws: '',
  })
  expect(JSON.parse(delivery?.body ?? '')).toEqual({
    type: changeTypes.audienceEntered,
    timestamp: '2026-03-01T10:00:00.000Z',
    data: {
      contact: 'c-1',
      mail: null,
      plan: 'pro',
      spend: 210.5,
      who: ADA,
      what: 'entered',
      list: 'vip',
      origin: 'tributary',
    },
  })
})

test('without a mapping the whole change record is sent', () => {
  const driver = start(workspaceOf(destination(), profileSync()))
  profile(driver, known)
  expect(data(deliveries(driver)[0])).toEqual(known)
})

test('numbers that JavaScript cannot hold are sent as they were written, whole and mapped', () => {
  const text = JSON.stringify(known).replace('"pro"', '12345678901234567890').replace('210.5', '1e400')
  const spend = audienceSync({ fields: { plan: 'traits.plan', spend: 'computed.spend' } })
  const driver = start(workspaceOf(destination(), spend, profileSync()))
  driver.record(topics.profileChanges, { key: ADA, value: Buffer.from(text), headers: { ce_id: 'p' } })
  expect(deliveries(driver).map(({ body }) => body)).toEqual([expect.stringContaining(`"data":${text}}`)])
  driver.restart()
  audience(driver, audienceChange(1))
  expect(deliveries(driver).map(({ body }) => body)).toEqual([
    expect.stringContaining('"data":{"plan":12345678901234567890,"spend":1e400}}'),
  ])
})

test('expressions work out fields from the same parts; what cannot be worked out for a person is null', () => {
  const sync = audienceSync({
    fields: {
      tier: { cel: 'computed.spend > 200.0 ? "gold" : "none"' },
      mail: { cel: 'sha256(identifiers.email.lowerAscii())' },
      what: { cel: '{"list": audience, "change": change, "plan": traits.?plan.orValue("free")}' },
    },
  })
  const driver = start(workspaceOf(destination(), sync))
  profile(driver, known)
  audience(driver, audienceChange(1))
  expect(data(deliveries(driver)[0])).toEqual({
    tier: 'gold',
    mail: null,
    what: { list: 'vip', change: 'entered', plan: 'pro' },
  })
})

test('a delivery is keyed by destination and profile, so that their order is kept', () => {
  const driver = start(workspaceOf(destination(), profileSync()))
  profile(driver, known)
  expect(driver.endBatch()).toEqual([
    expect.objectContaining({ topic: topics.deliveries, key: `crm|${ADA}` }),
  ])
})

test('an audience change that is read before its profile change waits for it', () => {
  const driver = start(workspaceOf(destination(), mapped))
  audience(driver, audienceChange(1))
  expect(deliveries(driver)).toEqual([])
  driver.restart()
  profile(driver, known)
  expect(data(deliveries(driver)[0])).toMatchObject({ contact: 'c-1', plan: 'pro' })
  expect([...driver.table(waitingTable).range('', '~')]).toEqual([])
})

test('in whatever order the two inputs are read, the same deliveries are made', () => {
  const changes = [1, 2, 3].flatMap((n) => [
    { n, of: 'profile' as const },
    ...(n === 2 ? [] : [{ n, of: 'audience' as const }]),
  ])
  const run = (interleaving: readonly boolean[]): string[] => {
    const driver = start(workspaceOf(destination(), mapped))
    const left = {
      profile: changes.filter((change) => change.of === 'profile'),
      audience: changes.filter((change) => change.of === 'audience'),
    }
    const sent: Delivery[] = []
    for (const takeProfile of [...interleaving, ...changes.flatMap(() => [true, false])]) {
      const next = (takeProfile ? left.profile : left.audience).shift()
      if (next?.of === 'profile') {
        profile(
          driver,
          next.n === 1 ? known : profileChange(next.n, { after: { 'traits.plan': `plan-${next.n}` } }),
        )
      } else if (next) audience(driver, audienceChange(next.n))
      sent.push(...deliveries(driver))
    }
    return sent.map((delivery) => delivery.id)
  }
  const expected = run([])
  expect(expected).toHaveLength(2)
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 8 }), (order) => expect(run(order)).toEqual(expected)),
  )
})

test('a change whose version never comes is sent after a while with what is known', () => {
  const driver = start(workspaceOf(destination(), mapped))
  audience(driver, audienceChange(9))
  driver.tick(1_000)
  driver.tick(600_999)
  expect(deliveries(driver)).toEqual([])
  driver.restart()
  driver.tick(601_000)
  expect(data(deliveries(driver)[0])).toMatchObject({ contact: null, who: ADA })
})

test('the same change under the same mapping has one id, under another mapping another', () => {
  const id = (workspace: WorkspaceConfiguration): string | undefined => {
    const driver = start(workspace)
    profile(driver, known)
    return deliveries(driver)[0]?.id
  }
  const first = id(workspaceOf(destination(), profileSync()))
  expect(first).toMatch(/^[0-9a-f]{32}$/)
  expect(id(workspaceOf(destination({ maxPerSecond: 1 }), profileSync()))).toBe(first)
  expect(id(workspaceOf(destination(), profileSync({ fields: { who: 'profileId' } })))).not.toBe(first)
  expect(id(workspaceOf(destination({ id: 'erp' }), profileSync({ to: 'erp' })))).not.toBe(first)
})

test('a profile change that is read twice is sent once', () => {
  const driver = start(workspaceOf(destination(), profileSync()))
  profile(driver, known)
  profile(driver, known)
  expect(deliveries(driver)).toHaveLength(1)
})

test('a merged profile is told to syncs of profiles, and its view is gone', () => {
  const driver = start(
    workspaceOf(destination(), profileSync({ fields: { who: 'profileId', into: 'mergedInto' } })),
  )
  profile(driver, known)
  deliveries(driver)
  profile(driver, profileChange(2, { op: 'd', mergedInto: BEA }))
  expect(data(deliveries(driver)[0])).toEqual({ who: ADA, into: BEA })
})

test('an audience change that is read after its profile is gone is sent at once, not when its time is up', () => {
  const driver = start(workspaceOf(destination(), mapped))
  profile(driver, known)
  profile(driver, profileChange(2, { op: 'd', mergedInto: BEA, previousVersion: versionOf(1, 1) }))
  audience(driver, audienceChange(1))
  expect(deliveries(driver)).toMatchObject([{ version: versionOf(1, 1), profileId: ADA }])
  expect([...driver.table(waitingTable).range('', '~')]).toEqual([])
})

test('nothing that no sync wants waits or is sent', () => {
  const driver = start(workspaceOf(destination(), mapped))
  audience(driver, audienceChange(5, { audience: 'other' }))
  expect(deliveries(driver)).toEqual([])
  expect([...driver.table(waitingTable).range('', '~')]).toEqual([])
})

const consent = (whenUnknown: 'allow' | 'deny'): Parameters<typeof workspaceOf>[0] => ({
  kind: 'Workspace',
  id: 'shop',
  schema: 'tributary/v1',
  timeZone: 'Europe/Paris',
  consent: { purposes: ['email'], whenUnknown },
})

test.each([
  ['who consented', { 'consent.email': true }, 'deny', ''],
  ['who refused', { 'consent.email': false }, 'allow', 'no consent to email'],
  ['who never said, where that is a refusal', {}, 'deny', 'no consent to email'],
  ['who never said, where that is consent', {}, 'allow', ''],
] as const)('a destination with a purpose and a person %s', (_who, after, whenUnknown, filtered) => {
  const crm = destination({ purposes: ['email'] })
  const driver = start(workspaceOf(consent(whenUnknown), crm, profileSync()))
  profile(driver, profileChange(1, { after }))
  const [delivery] = deliveries(driver)
  expect(delivery?.filtered).toBe(filtered)
  expect(delivery?.body === '').toBe(filtered !== '')
})
