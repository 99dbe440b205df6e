/**
 * What no process can repair by itself ends it, with exit code 1 and a reason; nothing has advanced that is not also
 * in the log, and after the repair everything is there once.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { topicName, topics } from '@tributary/contracts'
import { type Event, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import kafkajs from 'kafkajs'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { testStack } from '../../support/testStack.ts'
import { waitForValue } from '../../support/waitUntil.ts'
import { type ProfileInstallation, openProfileInstallation } from './profileInstallation.ts'

let installation: ProfileInstallation
let store: ServiceProcess

beforeEach(async () => {
  installation = await openProfileInstallation({ identifier: 1, profile: 1, delivery: 1 })
  await installation.apply([])
  store = await installation.start()
}, 90_000)
afterEach(() => installation.close(), 60_000)

/** An identify with so many traits, 100 bytes each. */
function identify(n: number, name: string, traitCount: number): Event {
  const now = Date.now()
  const id = installation.hash('user_id', 1, name)
  const traits = Object.fromEntries(Array.from({ length: traitCount }, (_, i) => [`t${i}`, 'x'.repeat(100)]))
  return {
    messageId: `m${n}`,
    messageIdGenerated: false,
    sourceId: 'web',
    type: EventType.EVENT_TYPE_IDENTIFY,
    name: '',
    anchor: id,
    identifiers: [{ type: 'user_id', value: name, id }],
    timeMs: now,
    receivedTimeMs: now,
    timeFlags: [],
    raw: Buffer.from(JSON.stringify({ traits })),
    origin: `test:${n}`,
    identityRules: 'r',
    trusted: true,
    epoch: 1,
  }
}

async function expectEvents(name: string, count: number): Promise<void> {
  await waitForValue(
    `${count} events of ${name}`,
    async () => (await installation.get(store, 'user_id', name))?.events,
    (events) => events === count,
  )
}

async function expectStopped(reason: RegExp): Promise<void> {
  expect(await store.ended()).toEqual({ code: 1, signal: null })
  const lines = (await installation.log(store)).trim().split('\n')
  const fatal = lines.map((line) => JSON.parse(line) as { level: unknown; msg: string; err?: unknown })
  expect(JSON.stringify(fatal.slice(-5))).toMatch(reason)
}

/** The store of the fragment task. */
function dataFile(): string {
  const state = join(dirname(store.logFile), '..', 'state', store.instance)
  const found = readdirSync(state, { recursive: true, encoding: 'utf8' }).find(
    (path) => path.includes('fragment') && path.endsWith('data.mdb'),
  )
  if (found === undefined) throw new Error(`no store of the fragment task in ${state}`)
  return join(state, found)
}

test('a full disk stops the process and says which; with room again every event is there once', async () => {
  await installation.send([identify(0, 'ada', 1)])
  await expectEvents('ada', 1)
  // No file may grow past 2 MiB: what a full disk is to the store.
  execFileSync('prlimit', ['--pid', String(store.pid()), `--fsize=${2 * 1024 * 1024}`])
  for (let n = 1; n <= 200; n++) await installation.send([identify(n, `person-${n}`, 100)])
  await expectStopped(/the disk with the store .* is full or failing .*: make room and start again/)
  await installation.send([identify(201, 'ada', 1)])
  await store.start()
  await expectEvents('ada', 2)
  for (let n = 1; n <= 200; n += 33) await expectEvents(`person-${n}`, 1)
}, 120_000)

test('a damaged store stops the process and says which folder to delete; it is restored as it was', async () => {
  await installation.send([identify(0, 'ada', 1), identify(1, 'ada', 1)])
  await expectEvents('ada', 2)
  await store.stop()
  const file = dataFile()
  writeFileSync(file, Buffer.alloc(8192, 7))
  await store.start().catch(() => undefined)
  await expectStopped(/the store .* is damaged .* delete that folder and start again/)
  rmSync(dirname(file), { recursive: true })
  await installation.send([identify(2, 'ada', 1)])
  await store.start()
  await expectEvents('ada', 3)
}, 120_000)

test('a record that Kafka refuses as too large stops the process; nothing has advanced', async () => {
  await installation.send([identify(0, 'ada', 1)])
  await expectEvents('ada', 1)
  const topic = topicName(installation.prefix, topics.fragments)
  const client = new kafkajs.Kafka({ brokers: [testStack().brokers], logLevel: kafkajs.logLevel.NOTHING })
  const admin = client.admin()
  const type = kafkajs.ConfigResourceTypes.TOPIC
  await admin.connect()
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type, name: topic }],
  })
  // To alter a topic replaces all its settings.
  const asTheyWere = resources[0]!.configEntries
    .filter(({ configSource }) => configSource === kafkajs.ConfigSource.TOPIC_CONFIG)
    .map(({ configName: name, configValue: value }) => ({ name, value }))
  const alter = (configEntries: { name: string; value: string }[]) =>
    admin.alterConfigs({ validateOnly: false, resources: [{ type, name: topic, configEntries }] })
  await alter([
    ...asTheyWere.filter(({ name }) => name !== 'max.message.bytes'),
    { name: 'max.message.bytes', value: '4000' },
  ])
  await installation.send([identify(1, 'ada', 100), identify(2, 'bob', 1)])
  await expectStopped(
    /Kafka refused a record for \S+internal\.fragments\.v1\/0 as too large: raise max.message.bytes/,
  )
  await alter(asTheyWere)
  await admin.disconnect()
  await store.start()
  await expectEvents('ada', 2)
  await expectEvents('bob', 1)
}, 120_000)
