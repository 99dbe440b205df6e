import { afterEach, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import { identityRules } from '@tributary/configuration'
import { topics } from '@tributary/contracts'
import { Assignment } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { IdentityServiceClient } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { bearerCredentials, callUnary, createHealth, createMetrics } from '@tributary/service-kit'
import { createRecordingLogger, noOwners } from '@tributary/service-kit/testing'
import { createMemoryLog, createMemoryStores } from '@tributary/stream-runtime/testing'
import { startIdentityStitcher } from './startIdentityStitcher.ts'
import { eventRecord, idOf } from './testing/records.ts'

const stops: (() => Promise<void>)[] = []
const stopAll = async (): Promise<void> => {
  for (const stop of stops.splice(0).toReversed()) await stop()
}
afterEach(stopAll)

async function eventually<T>(ask: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (let i = 0; i < 400; i++) {
    const found = await Promise.resolve(ask()).catch(() => undefined)
    if (found) return found
    await sleep(10)
  }
  throw new Error('waited four seconds in vain')
}

const log = createMemoryLog({ partitions: 1, now: Date.now })

async function start() {
  const metrics = createMetrics('identity-stitcher')
  const health = createHealth()
  const recording = createRecordingLogger()
  const { grpcPort } = await startIdentityStitcher({
    log,
    // Each start without what the last one stored: everything comes from the change log.
    stores: createMemoryStores(),
    reading: () => ({
      rules: identityRules(undefined),
      hash: (_type, _version, value) => idOf(value),
      phone: () => undefined,
    }),
    counts: { identifier: 1, profile: 1, delivery: 1 },
    groupPrefix: 'cdp',
    epoch: 1,
    nodeId: 'n1',
    address: (port) => `127.0.0.1:${port}`,
    owners: () => noOwners,
    grpc: { host: '127.0.0.1', port: 0, tokens: ['t0ken'] },
    logger: recording.logger,
    metrics,
    health,
    fatal: (error) => {
      throw error
    },
    onStop: (_name, stop) => stops.push(stop),
  })
  const client = new IdentityServiceClient(`127.0.0.1:${grpcPort}`, credentials.createInsecure())
  stops.push(async () => client.close())
  await eventually(() => health.isReady())
  const profileOf = async (value: string): Promise<string> => {
    const { resolutions } = await callUnary(
      client.resolve.bind(client),
      { refs: [{ ref: { $case: 'identifier' as const, value: { type: 'anonymous_id', value } } }] },
      { deadlineMs: 1_000, metadata: bearerCredentials('t0ken') },
    )
    return resolutions[0]!.profileId
  }
  return { metrics, recording, profileOf }
}

const see = (names: readonly string[], timeMs: number): void => {
  log.append(topics.events, 0, [
    { key: null, value: eventRecord(names, { timeMs, messageId: `m${timeMs}` }) },
  ])
}
const assignments = () => log.committed(topics.assignments, 0).map(({ value }) => Assignment.decode(value!))

test('events in the log become assignments, answers and numbers; a restart without a store changes nothing', async () => {
  const first = await start()
  see(['u1', 'a1'], 1)
  see(['u1', 'a1'], 2)
  await eventually(() => assignments().length === 2)
  expect(assignments().map((each) => each.profileId)).toEqual([`${idOf('u1')}-0`, `${idOf('u1')}-0`])
  expect(await first.profileOf('a1')).toBe(`${idOf('u1')}-0`)

  await stopAll()
  const second = await start()
  expect(await second.profileOf('a1')).toBe(`${idOf('u1')}-0`)
  for (const [index, user] of ['u2', 'u3', 'u4'].entries()) see([user, 'a1'], index + 10)
  await eventually(async () => (await second.profileOf('a1')) === `${idOf('a1')}-0`)
  expect(
    assignments()
      .map((each) => [each.identifierId, each.profileId])
      .at(-1),
  ).toEqual([idOf('a1'), `${idOf('a1')}-0`])

  const text = await second.metrics.text()
  for (const line of [
    'tributary_identity_stitcher_evidence_seen_total 3',
    'tributary_identity_stitcher_evidence_sent_total 3',
    'tributary_identity_stitcher_resolver_inputs_total{kind="evidence"} 3',
    'tributary_identity_stitcher_assignments_total{kind="split"} 1',
    'tributary_identity_stitcher_identifiers_shared_total{type="anonymous_id"} 1',
    'tributary_identity_stitcher_components_recomputed_total 1',
  ])
    expect(text).toContain(line)
  const warnings = second.recording.lines.filter((line) => String(line['msg']).includes('is shared'))
  expect(warnings).toHaveLength(1)
})
