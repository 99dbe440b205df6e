/** Two identity-stitchers: one runs the resolver, both answer, and the other takes over when it is killed. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { credentials } from '@grpc/grpc-js'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topicName, topics } from '@tributary/contracts'
import { Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { IdentityServiceClient } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { createAdmin, createKafka, createPlainProducer } from '@tributary/kafka'
import { bearerCredentials, callUnary, createIdentifierHasher } from '@tributary/service-kit'
import { groupName } from '@tributary/stream-runtime'
import { type Installation, startServices } from '../../../deploy/local/src/launcher.ts'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { sharedStack, testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'

const prefix = uniquePrefix('stitchers')
const NAMES = ['stitcher-a', 'stitcher-b']
let folder: string
let installation: Installation

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-stitchers-'))
  installation = await startServices(sharedStack(prefix), {
    dataDir: folder,
    settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix },
    services: NAMES.map((instance) => ({ service: 'identity-stitcher' as const, instance })),
  })
}, 120_000)

afterAll(async () => {
  await installation?.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

test('both give the same answers, and the one that stays answers when the resolver’s is killed', async () => {
  const hash = createIdentifierHasher((await readFile(installation.secrets.workspaceKey, 'utf8')).trim())
  const token = (await readFile(installation.secrets.grpcToken, 'utf8')).trim()
  const kafka = createKafka({ brokers: testStack().brokers.split(','), clientId: 'stitchers-test' })
  const [producer, admin] = await Promise.all([createPlainProducer(kafka), createAdmin(kafka)])
  const identifiers = (['user_id', 'email'] as const).map((type) => {
    const value = type === 'email' ? 'ada@example.com' : 'ada'
    return { type, value, id: hash(type, 1, value) }
  })
  const event = Event.fromPartial({
    messageId: 'm1',
    sourceId: 'web',
    type: EventType.EVENT_TYPE_IDENTIFY,
    anchor: identifiers[0]!.id,
    identifiers,
    timeMs: 1_000,
    receivedTimeMs: 1_000,
  })
  await producer.send([
    {
      topic: topicName(prefix, topics.events),
      key: event.anchor,
      value: EventRecord.encode({ record: { $case: 'event', value: event } }).finish(),
    },
  ])
  await producer.close()

  const options = { deadlineMs: 5_000, metadata: bearerCredentials(token) }
  const refs = identifiers.map(({ type, value }) => ({
    ref: { $case: 'identifier' as const, value: { type, value } },
  }))
  const clients = NAMES.map((name) => {
    const address = `127.0.0.1:${installation.service(name).ports().grpc}`
    return new IdentityServiceClient(address, credentials.createInsecure())
  })
  const resolve = async (client: IdentityServiceClient) =>
    (await callUnary(client.resolve.bind(client), { refs }, options)).resolutions
  const explain = (client: IdentityServiceClient) =>
    callUnary(client.explain.bind(client), { a: refs[0], b: refs[1] }, options)

  const profileId = `${identifiers[0]!.id}-0`
  const found = await waitForValue(
    'the two are one',
    () => resolve(clients[0]!),
    (resolutions) => resolutions.every((each) => each.profileId === profileId),
  )
  // "Ask again" is an answer while the resolver's partition moves to the instance that came second.
  const answered = <T>(ask: () => Promise<T>) => waitUntil('an answer', ask)
  expect(await answered(() => resolve(clients[1]!))).toEqual(found)
  const explained = await answered(() => explain(clients[0]!))
  expect(explained.together).toBe(true)
  expect(await answered(() => explain(clients[1]!))).toEqual(explained)

  const { members } = await admin.describeGroup(groupName(prefix, 'resolver', 1))
  await admin.close()
  const owner = members.find(({ assignment }) => [...assignment.values()].some((owned) => owned.length > 0))
  const killed: ServiceProcess = installation.service(owner!.nodeId!)
  await killed.kill()
  const survivor = clients[1 - NAMES.indexOf(killed.instance)]!
  expect(await waitUntil('the one that stays answers', () => resolve(survivor))).toEqual(found)
  for (const client of clients) client.close()
}, 120_000)
