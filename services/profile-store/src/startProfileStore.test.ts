import { afterEach, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import {
  type WorkspaceConfiguration,
  buildWorkspace,
  nextRevision,
  toRevisionDocument,
} from '@tributary/configuration'
import { topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  ProfileServiceClient,
  WatchRequest,
  type WatchResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { bearerCredentials, callUnary, createHealth, createMetrics } from '@tributary/service-kit'
import { createRecordingLogger, noOwners } from '@tributary/service-kit/testing'
import { createMemoryLog, createMemoryStores } from '@tributary/stream-runtime/testing'
import { startProfileStore } from './startProfileStore.ts'
import { viewWorkspace } from './workspaceView.ts'
import { createFiledLog, createLoggedEvents } from './testing/loggedEvents.ts'
import { type EventGiven, eventOf, identifierId } from './testing/shopPeople.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

function workspace(): WorkspaceConfiguration {
  const revision = nextRevision(
    undefined,
    [
      { kind: 'Workspace' as const, schema: 'tributary/v1' as const, id: 'shop', timeZone: 'UTC' },
      { kind: 'Trait' as const, id: 'orders', count: { event: 'Order Completed' } },
      { kind: 'Audience' as const, id: 'loyal', where: { trait: 'orders', gte: 2 } },
    ].map((document) => toRevisionDocument(document, 'files')),
    { author: 'a', message: 'm', createdAtMs: 0 },
  )
  return buildWorkspace(revision)
}

async function eventually<T>(ask: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (let i = 0; i < 400; i++) {
    const found = await Promise.resolve(ask()).catch(() => undefined)
    if (found) return found
    await sleep(10)
  }
  throw new Error('waited four seconds in vain')
}

async function start() {
  const log = createMemoryLog({ partitions: 1, now: Date.now })
  const metrics = createMetrics('profile-store')
  const health = createHealth()
  const held = {
    offset: 0,
    revision: 1,
    value: viewWorkspace(workspace(), (_type, _version, value) => identifierId(value)),
  }
  const { grpcPort } = await startProfileStore({
    log,
    stores: createMemoryStores(),
    configuration: { current: () => held, at: () => held, onChange: () => () => undefined },
    sendToEvents: async (records) => {
      log.append(
        topics.events,
        0,
        records.map(({ value }) => ({ key: null, value })),
      )
    },
    recentLedger: async () => [],
    loggedEvents: { read: async () => [] },
    filedEvents: createFiledLog({ events: () => [], skipped: () => [] }, 1),
    httpPort: 0,
    events: createLoggedEvents({
      events: (partition) => log.committed(topics.events, partition),
      skipped: (partition) => log.committed(topics.skipped, partition),
    }),
    counts: { identifier: 1, profile: 1, delivery: 1 },
    groupPrefix: 'cdp',
    epoch: 1,
    nodeId: 'n1',
    address: (port) => `127.0.0.1:${port}`,
    owners: () => noOwners,
    grpc: { host: '127.0.0.1', port: 0, tokens: ['t0ken'] },
    logger: createRecordingLogger().logger,
    metrics,
    health,
    nowMs: Date.now,
    fatal: (error) => {
      throw error
    },
    onStop: (_name, stop) => stops.push(stop),
  })
  const client = new ProfileServiceClient(`127.0.0.1:${grpcPort}`, credentials.createInsecure())
  stops.push(async () => client.close())
  return {
    client,
    metrics,
    health,
    committed: (topic: (typeof topics)[keyof typeof topics]) => log.committed(topic, 0),
    send: (given: EventGiven) =>
      log.append(topics.events, 0, [
        {
          key: null,
          value: EventRecord.encode({ record: { $case: 'event', value: eventOf(given) } }).finish(),
        },
      ]),
  }
}

test('an event in the log becomes a profile over gRPC, a change for those who watch, and numbers', async () => {
  const { client, metrics, health, send, committed } = await start()
  const metadata = bearerCredentials('t0ken')
  await eventually(() => health.isReady())
  // The job has adopted the trait and the audience in all tasks.
  await eventually(
    () => committed(topics.jobs).filter(({ value }) => value?.includes('every partition')).length > 0,
  )

  const call = client.watch(WatchRequest.create(), metadata)
  const watched: WatchResponse[] = []
  call.on('data', (change: WatchResponse) => watched.push(change))
  call.on('error', () => undefined)
  await new Promise((resolve) => call.on('metadata', resolve))

  const timeMs = Date.now()
  for (const messageId of ['m1', 'm2', 'm2'])
    send({ messageId, identifiers: ['u1'], name: 'Order Completed', timeMs })
  const { profile } = await eventually(async () => {
    const answer = await callUnary(
      client.getProfile.bind(client),
      { ref: { ref: { $case: 'identifier', value: { type: 'user_id', value: 'u1' } } } },
      { deadlineMs: 1_000, metadata },
    )
    return answer.profile?.events === 2 && answer
  })
  expect(profile).toMatchObject({ computed: { orders: 2 }, events: 2, audiences: { loyal: {} } })
  const last = await eventually(() => watched.find(({ version }) => version === profile!.version))
  expect(JSON.parse(last.json)).toMatchObject({ profileId: profile!.profileId, version: profile!.version })
  call.cancel()

  const text = await metrics.text()
  for (const line of [
    'tributary_profile_store_events_folded_total 2',
    'tributary_profile_store_events_skipped_total{reason="duplicate"} 1',
    'tributary_profile_store_audience_changes_total{change="entered"} 1',
    'tributary_profile_store_freshness_seconds_count 2',
    'tributary_profile_store_profiles_records{partition="0"} 1',
    'tributary_profile_store_profile_events_records{partition="0"} 2',
  ])
    expect(text).toContain(line)
})
