import { expect, test } from '@jest/globals'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { type ProfileChangeRecord, changeTypes, topics, versionOf } from '@tributary/contracts'
import { DeliveryRecord } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { ADA, BEA, audienceChange, profileChange } from '../testing/changes.ts'
import { audienceSync, destination, profileSync, workspaceOf } from '../testing/workspace.ts'
import { createSyncTopology } from './syncTopology.ts'

const fields = { email: 'identifiers.email', plan: 'traits.plan' }
const topic = (purposes?: string[]) =>
  destination({ webhook: undefined, kafka: { topic: 'crm.people' }, ...(purposes && { purposes }) } as never)

function start(workspace: WorkspaceConfiguration) {
  const driver = createProcessorDriver(createSyncTopology())
  driver.configuration(workspace)
  const told = () =>
    driver
      .endBatch()
      .map(({ value }) => DeliveryRecord.decode(value!).delivery!)
      .map(({ body, filtered }) =>
        filtered === '' ? (body === '' ? null : (JSON.parse(body) as unknown)) : filtered,
      )
  return {
    profile: (record: ProfileChangeRecord) => {
      driver.record(topics.profileChanges, {
        key: record.profileId,
        value: Buffer.from(JSON.stringify(record)),
        headers: { ce_id: `p-${record.version}`, ce_type: changeTypes.profileUpdated },
        timestampMs: 7,
      })
      return told()
    },
    audience: (record: ReturnType<typeof audienceChange>) => {
      driver.record(topics.audienceChanges, {
        key: record.profileId,
        value: Buffer.from(JSON.stringify(record)),
        headers: { ce_id: `a-${record.version}-${record.change}` },
        timestampMs: 7,
      })
      return told()
    },
  }
}

const born = profileChange(1, {
  after: { 'traits.plan': 'pro', 'traits.salary': 90_000, 'consent.email': true },
  identifiers: { added: [{ type: 'email', value: 'ada@example.com' }], removed: [] },
})

test('a subscriber sees the chosen fields and nothing else, a merge, and the end of an erased profile', () => {
  const { profile } = start(workspaceOf(topic(), profileSync({ fields })))
  expect(profile(born)).toEqual([
    { profileId: ADA, version: versionOf(1, 1), data: { email: 'ada@example.com', plan: 'pro' } },
  ])
  expect(profile(profileChange(2, { op: 'd', mergedInto: BEA }))).toEqual([
    { profileId: ADA, version: versionOf(1, 2), mergedInto: BEA },
  ])
  expect(profile(profileChange(3, { op: 'c', after: { 'traits.plan': 'free' } }))).toEqual([
    { profileId: ADA, version: versionOf(1, 3), data: { email: null, plan: 'free' } },
  ])
  expect(profile(profileChange(4, { op: 'd' }))).toEqual([null])
})

test('whoever takes consent back is taken away once; whoever never gave it is not told of', () => {
  const workspace = {
    kind: 'Workspace' as const,
    id: 'shop',
    schema: 'tributary/v1' as const,
    timeZone: 'UTC',
    consent: { purposes: ['email'], whenUnknown: 'deny' as const },
  }
  const from = { profile: { paths: ['traits.plan'] } }
  const { profile } = start(workspaceOf(workspace, topic(['email']), profileSync({ fields, from })))
  expect(profile(born)).toHaveLength(1)
  const refusal = { before: { 'consent.email': true }, after: { 'consent.email': false } }
  expect(profile(profileChange(2, refusal))).toEqual([null])
  expect(profile(profileChange(3, { after: { 'traits.plan': 'max' } }))).toEqual(['no consent to email'])
  expect(profile(profileChange(4, { profileId: BEA, after: { 'traits.plan': 'max' } }))).toEqual([
    'no consent to email',
  ])
  const consent = { before: { 'consent.email': false }, after: { 'consent.email': true } }
  expect(profile(profileChange(5, consent))).toEqual([expect.objectContaining({ version: versionOf(1, 5) })])
})

test('a topic of an audience holds who is in it, and loses who was merged, erased or withdrew', () => {
  const joined = { ...born, changed: [...born.changed, 'audiences.vip.since'] }
  const member = { ...joined, after: { ...born.after, 'audiences.vip.since': 'now' } }
  const told = { profileId: ADA, version: versionOf(1, 1), data: { email: 'ada@example.com', plan: 'pro' } }
  for (const [end, expected] of [
    [
      { op: 'd', mergedInto: BEA },
      { profileId: ADA, version: versionOf(1, 2), mergedInto: BEA },
    ],
    [{ op: 'd' }, null],
    [{ before: { 'consent.email': true }, after: { 'consent.email': false } }, null],
  ] as const) {
    const { profile, audience } = start(workspaceOf(topic(['email']), audienceSync({ fields })))
    expect(profile(member)).toEqual([told])
    expect(audience(audienceChange(1))).toEqual([told])
    expect(profile(profileChange(2, end))).toEqual([expected])
  }
  const { profile, audience } = start(workspaceOf(topic(), audienceSync({ fields })))
  expect(profile(born)).toEqual([])
  expect(audience(audienceChange(1))).toEqual([told])
  expect(profile(profileChange(2))).toEqual([])
  expect(audience(audienceChange(2, { change: 'left' }))).toEqual([null])
  // Nobody is told of somebody who is not in the topic; it is written down that what waits is not sent.
  expect(profile(profileChange(3, { op: 'd' }))).toEqual(['the person was erased'])
})
