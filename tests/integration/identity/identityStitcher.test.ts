/** The identity-stitcher as a process on the real Kafka and ClickHouse: events in, assignments and answers out. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { credentials } from '@grpc/grpc-js'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectClickHouse } from '@tributary/clickhouse-log'
import { type IdentityChangeRecord, topicName, topics } from '@tributary/contracts'
import { Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { Assignment } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import {
  type ExplainResponse,
  IdentityServiceClient,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { type Kafka, type PlainProducer, createKafka, createPlainProducer, readTopic } from '@tributary/kafka'
import {
  type IdentifierHasher,
  bearerCredentials,
  callUnary,
  createIdentifierHasher,
} from '@tributary/service-kit'
import { type Installation, startServices } from '../../../deploy/local/src/launcher.ts'
import { sharedStack, testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'

const prefix = uniquePrefix('identity')
const PARTITIONS = 4

let folder: string
let installation: Installation
let kafka: Kafka
let producer: PlainProducer
let hash: IdentifierHasher
let token: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-identity-'))
  installation = await startServices(sharedStack(prefix), {
    dataDir: folder,
    settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix, IDENTIFIER_PARTITIONS: String(PARTITIONS) },
    services: [{ service: 'identity-stitcher' }],
  })
  kafka = createKafka({ brokers: testStack().brokers.split(','), clientId: 'identity-test' })
  producer = await createPlainProducer(kafka)
  hash = createIdentifierHasher((await readFile(installation.secrets.workspaceKey, 'utf8')).trim())
  token = (await readFile(installation.secrets.grpcToken, 'utf8')).trim()
}, 120_000)

afterAll(async () => {
  await producer?.close()
  await installation?.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

type Named = readonly [type: string, value: string]

const idOf = ([type, value]: Named): string => hash(type, 1, value)
const identifier = (named: Named) => ({ type: named[0], value: named[1], id: idOf(named) })

async function see(identifiers: readonly Named[], timeMs: number, messageId: string): Promise<void> {
  const found = identifiers.map(identifier)
  const event = Event.fromPartial({
    messageId,
    sourceId: 'web',
    type: EventType.EVENT_TYPE_TRACK,
    anchor: found[0]!.id,
    identifiers: found,
    timeMs,
    receivedTimeMs: timeMs,
  })
  const value = EventRecord.encode({ record: { $case: 'event', value: event } }).finish()
  await producer.send([{ topic: topicName(prefix, topics.events), key: found[0]!.id, value }])
}

/** The last assignment of each identifier. */
async function assignments(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (let partition = 0; partition < PARTITIONS; partition++)
    for await (const { records } of readTopic(kafka, {
      topic: topicName(prefix, topics.assignments),
      partition,
    }))
      for (const { value } of records) {
        const { identifierId, profileId } = Assignment.decode(value!)
        found.set(identifierId, profileId)
      }
  return found
}

async function withClient<T>(ask: (client: IdentityServiceClient) => Promise<T>): Promise<T> {
  const address = installation.addresses().identityStitcher!.grpc
  const client = new IdentityServiceClient(address, credentials.createInsecure())
  return ask(client).finally(() => client.close())
}

const typed = ([type, value]: Named) => ({ ref: { $case: 'identifier' as const, value: { type, value } } })

const resolve = (named: Named): Promise<string> =>
  withClient(async (client) => {
    const { resolutions } = await callUnary(
      client.resolve.bind(client),
      { refs: [typed(named)] },
      { deadlineMs: 2_000, metadata: bearerCredentials(token) },
    )
    return resolutions[0]!.profileId
  })

const explain = (a: Named, b: Named): Promise<ExplainResponse> =>
  withClient((client) =>
    callUnary(
      client.explain.bind(client),
      { a: typed(a), b: typed(b) },
      { deadlineMs: 2_000, metadata: bearerCredentials(token) },
    ),
  )

const user: Named = ['user_id', 'ada']
const browser: Named = ['anonymous_id', 'browser-1']
const email: Named = ['email', 'ada@example.com']

test('events become assignments, public changes, rows in ClickHouse and answers that say why', async () => {
  await see([browser], 1_000, 'm1')
  await see([user, browser], 2_000, 'm2')
  await see([user, email], 3_000, 'm3')
  const profile = `${idOf(user)}-0`
  await waitForValue('three assignments', assignments, (found) =>
    [user, browser, email].every((each) => found.get(idOf(each)) === profile),
  )
  expect(await resolve(browser)).toBe(profile)

  const { together, summary, steps } = await explain(email, browser)
  expect(together).toBe(true)
  expect(summary).toContain('are one person')
  expect(steps.map((each) => [each.messageId, each.sourceId])).toEqual([
    ['m3', 'web'],
    ['m2', 'web'],
  ])

  const changes: IdentityChangeRecord[] = []
  for await (const { records } of readTopic(kafka, {
    topic: topicName(prefix, topics.identityChanges),
    partition: 0,
  }))
    for (const { value } of records) changes.push(JSON.parse(value!.toString()) as IdentityChangeRecord)
  expect(changes.map((each) => [each.kind, each.moves.map((move) => move.identifierId)])).toEqual([
    ['merge', [idOf(browser)]],
    ['merge', [idOf(email)]],
  ])

  const clickhouse = connectClickHouse({
    url: testStack().clickhouseUrl,
    database: prefix,
    username: 'default',
    password: '',
  })
  const count = async (table: string): Promise<number> =>
    Number((await clickhouse.query<{ n: string }>(`SELECT count() AS n FROM ${prefix}.${table}`))[0]!.n)
  await waitUntil('evidence and identity changes in ClickHouse', async () => {
    const [evidence, moved] = await Promise.all([count('evidence'), count('identity_changes')])
    return evidence === 2 && moved === 2
  }).finally(() => void clickhouse.close())
})

test('killed without warning and started again it answers the same and goes on', async () => {
  const stitcher = installation.service('identity-stitcher')
  const [bo, phone, mail]: readonly Named[] = [
    ['user_id', 'bo'],
    ['anonymous_id', 'browser-2'],
    ['email', 'bo@example.com'],
  ]
  const profile = `${idOf(bo!)}-0`
  await see([bo!, phone!], 4_000, 'm4')
  await waitForValue('an assignment', assignments, (found) => found.get(idOf(phone!)) === profile)
  await stitcher.kill()
  await see([bo!, mail!], 5_000, 'm5')
  await stitcher.start()
  await waitForValue(
    'what arrived meanwhile',
    () => resolve(mail!),
    (id) => id === profile,
  )
  expect(await resolve(phone!)).toBe(profile)
})

test('a device of four users is found to be shared, and everyone is apart', async () => {
  const kiosk: Named = ['device_id', 'kiosk']
  const users = ['k1', 'k2', 'k3', 'k4'].map((name): Named => ['user_id', name])
  for (const [index, each] of users.entries()) await see([each, kiosk], 10_000 + index, `k${index}`)
  const { together } = await waitForValue(
    'the kiosk to be found shared',
    () => explain(users[0]!, users[1]!),
    ({ summary }) => summary.includes('device_id') && summary.includes('is shared by too many'),
  )
  expect(together).toBe(false)
  expect(await resolve(kiosk)).toBe(`${idOf(kiosk)}-0`)
})
