import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { DestinationDocument, WorkspaceConfiguration } from '@tributary/configuration'
import { partitionOf, topics, versionOf } from '@tributary/contracts'
import { DeliveryOutcome, OutcomeKind } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { createHealth, createMetrics } from '@tributary/service-kit'
import { createRecordingLogger, noOwners } from '@tributary/service-kit/testing'
import { type MemoryLog, createMemoryLog, createMemoryStores } from '@tributary/stream-runtime/testing'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startActivation } from './startActivation.ts'
import { audienceChange, profileChange } from './testing/changes.ts'
import { type WebhookReceiver, startWebhookReceiver } from './testing/webhookReceiver.ts'
import { audienceSync, destination, profileSync, workspaceOf } from './testing/workspace.ts'
import { createWebhookSecrets } from './webhook/webhookSecret.ts'
import { createWebhookSender } from './webhook/webhookSender.ts'

const PARTITIONS = 3
const COUNTS = { identifier: PARTITIONS, profile: PARTITIONS, delivery: PARTITIONS }

let dir: string
let secret: string
let receiver: WebhookReceiver
let log: MemoryLog
let cleanUp: (() => Promise<void>)[]

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'activation-'))
  secret = `whsec_${randomBytes(32).toString('base64')}`
  writeFileSync(join(dir, 'crm-webhook'), secret)
  receiver = await startWebhookReceiver(secret)
  log = createMemoryLog({ partitions: PARTITIONS, now: Date.now })
  cleanUp = []
})
afterEach(async () => {
  for (const step of cleanUp.toReversed()) await step()
  await receiver.stop()
  rmSync(dir, { recursive: true })
})

interface Instance {
  readonly ready: () => boolean
  stop(): Promise<void>
}

async function start(workspace: WorkspaceConfiguration, nodeId = 'a'): Promise<Instance> {
  const held = { offset: 0, revision: 1, value: workspace }
  const health = createHealth()
  const steps: (() => Promise<void>)[] = []
  const sender = createWebhookSender({
    secrets: createWebhookSecrets(dir, Date.now),
    clock: Date.now,
    userAgent: 'tributary/test',
  })
  await startActivation({
    log,
    stores: createMemoryStores(),
    configuration: { current: () => held, at: () => held, onChange: () => () => undefined },
    sender,
    counts: COUNTS,
    groupPrefix: 'cdp',
    nodeId,
    address: (port) => `127.0.0.1:${port}`,
    owners: () => noOwners,
    grpc: { host: '127.0.0.1', port: 0, tokens: ['t'] },
    logger: createRecordingLogger().logger,
    metrics: createMetrics('activation'),
    health,
    fatal: (error) => {
      throw error
    },
    onStop: (_name, stop) => steps.push(stop),
  })
  let stopped = false
  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    for (const step of steps.toReversed()) await step()
    await sender.close()
  }
  cleanUp.push(stop)
  return { stop, ready: () => health.isReady() }
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 15_000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not reached: ${condition.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const crm = (): DestinationDocument =>
  destination({
    maxPerSecond: 10_000,
    webhook: { url: receiver.url, signingSecret: { file: 'crm-webhook' }, allowPrivateAddresses: true },
  })
const person = (i: number): string => `${String(i).padStart(32, '0')}-0`

/** One person's change as the profile task commits it: profile and audience change with one version. */
function publish(i: number, n: number, inAudience: boolean): void {
  const profileId = person(i)
  const partition = partitionOf(profileId, PARTITIONS)
  const version = versionOf(1, n)
  const change = profileChange(n, {
    profileId,
    version,
    op: n === 1 ? 'c' : 'u',
    after: { 'traits.step': n },
  })
  const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  const audience = audienceChange(n, { profileId, version, change: inAudience ? 'entered' : 'left' })
  log.append(topics.audienceChanges, partition, [
    { key: profileId, value: bytes(audience), headers: { ce_id: `a-${i}-${n}` } },
  ])
  log.append(topics.profileChanges, partition, [
    { key: profileId, value: bytes(change), headers: { ce_id: `p-${i}-${n}` } },
  ])
}

function outcomes(kind: OutcomeKind): DeliveryOutcome[] {
  return [0, 1, 2]
    .flatMap((partition) => log.committed(topics.deliveryOutcomes, partition))
    .map(({ value }) => DeliveryOutcome.decode(value ?? new Uint8Array()))
    .filter((one) => one.kind === kind)
}

function expectOrder(people: number, steps: number): void {
  for (let i = 0; i < people; i++) {
    const seen = receiver.calls
      .filter((call) => call.data['who'] === person(i))
      .map((call) => call.data['step'])
    expect(seen).toEqual(Array.from({ length: steps }, (_, n) => n + 1))
  }
}

const sync = audienceSync({ fields: { who: 'profileId', step: 'traits.step', change: 'change' } })

test('changes reach a receiver that verifies them, once each, in order per person', async () => {
  const instance = await start(workspaceOf(crm(), sync))
  await until(instance.ready)
  for (let n = 1; n <= 4; n++) for (let i = 0; i < 25; i++) publish(i, n, n % 2 === 1)
  await until(() => receiver.calls.length === 100)
  await instance.stop()
  expect(receiver.forged).toBe(0)
  expect(receiver.repeated).toBe(0)
  expect(outcomes(OutcomeKind.OUTCOME_KIND_DELIVERED)).toHaveLength(100)
  for (let i = 0; i < 25; i++) {
    const seen = receiver.calls
      .filter((call) => call.data['who'] === person(i))
      .map((call) => call.data['change'])
    expect(seen).toEqual(['entered', 'left', 'entered', 'left'])
  }
})

test('a receiver that fails at first gets everything in the end, in order', async () => {
  const failed = new Set<string>()
  receiver.answer = ({ id, data }) => {
    if (data['step'] !== 2 || failed.has(id)) return 204
    failed.add(id)
    return 503
  }
  const instance = await start(
    workspaceOf(crm(), profileSync({ fields: { who: 'profileId', step: 'traits.step' } })),
  )
  for (let n = 1; n <= 3; n++) for (let i = 0; i < 8; i++) publish(i, n, true)
  await until(() => receiver.calls.length === 24)
  await instance.stop()
  expectOrder(8, 3)
  expect(outcomes(OutcomeKind.OUTCOME_KIND_RETRY)).toHaveLength(8)
  expect(outcomes(OutcomeKind.OUTCOME_KIND_DEAD)).toEqual([])
})

test('a restart forgets nothing: what waits, in which order, and how often it was tried', async () => {
  receiver.answer = () => 500
  const workspace = workspaceOf(crm(), profileSync({ fields: { who: 'profileId', step: 'traits.step' } }))
  const first = await start(workspace)
  for (let n = 1; n <= 2; n++) for (let i = 0; i < 3; i++) publish(i, n, true)
  await until(() => outcomes(OutcomeKind.OUTCOME_KIND_RETRY).length >= 3)
  await first.stop()
  expect(receiver.calls).toEqual([])
  receiver.answer = () => 200
  const second = await start(workspace, 'b')
  await until(() => receiver.calls.length === 6)
  await second.stop()
  expectOrder(3, 2)
  expect(outcomes(OutcomeKind.OUTCOME_KIND_DELIVERED).filter((one) => one.attempt > 1)).toHaveLength(3)
})

test('a second instance takes its share, and nothing is sent twice by a graceful hand-over', async () => {
  const workspace = workspaceOf(crm(), profileSync({ fields: { who: 'profileId', step: 'traits.step' } }))
  const first = await start(workspace, 'a')
  await until(first.ready)
  for (let i = 0; i < 20; i++) publish(i, 1, true)
  await until(() => receiver.calls.length > 5)
  const second = await start(workspace, 'b')
  for (let i = 0; i < 20; i++) publish(i, 2, true)
  await until(() => receiver.calls.length === 40)
  await second.stop()
  for (let i = 0; i < 20; i++) publish(i, 3, true)
  await until(() => receiver.calls.length === 60)
  await first.stop()
  expectOrder(20, 3)
  expect(receiver.forged).toBe(0)
})
