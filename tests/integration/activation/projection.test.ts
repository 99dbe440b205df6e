/** A topic for one subscriber: the example of docs/reference/projections.md, on a real Kafka. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type ProfileChangeRecord, versionOf } from '@tributary/contracts'
import { createKafka, openFencedProducer, readTopic } from '@tributary/kafka'
import kafkajs from 'kafkajs'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { createKafkaSender } from '../../../services/activation/src/kafka/kafkaSender.ts'
import { profileChange } from '../../../services/activation/src/testing/changes.ts'
import { senderContract } from '../../../services/activation/src/testing/senderContract.ts'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type ActivationInstallation, openActivationInstallation } from './activationInstallation.ts'
import { pageExample } from './pageExample.ts'

const PARTITIONS = 2
const topic = `${uniquePrefix('crm')}.people`
const contractTopic = `${uniquePrefix('crm')}.contract`
const kafka = createKafka({ brokers: [testStack().brokers], clientId: 'projection-tests' })
let installation: ActivationInstallation
let activation: ServiceProcess

beforeAll(async () => {
  const admin = new kafkajs.Kafka({ brokers: [testStack().brokers] }).admin()
  await admin.connect()
  await admin.createTopics({
    topics: [topic, contractTopic].map((name) => ({
      topic: name,
      numPartitions: PARTITIONS,
      configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
    })),
  })
  await admin.disconnect()
  installation = await openActivationInstallation()
  activation = await installation.start()
  await installation.apply(exampleDocuments())
  await waitUntil('the revision to be adopted', async () =>
    (await installation.log(activation)).includes('adopted a revision'),
  )
}, 90_000)
afterAll(() => installation?.close(), 60_000)

/** Of the page, with a topic of this run. */
const exampleDocuments = () =>
  pageExample('projections.md', 'An example').documents((yaml) => yaml.replace('crm.people', topic))

interface Read {
  readonly key: string
  readonly value: string | null
  readonly type: string
}

async function read(name: string): Promise<Read[]> {
  const all = await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      const found: Read[] = []
      for await (const { records } of readTopic(kafka, { topic: name, partition }))
        for (const { key, value, headers } of records)
          found.push({
            key: String(key),
            value: value === null ? null : String(value),
            type: String(headers['ce_type']),
          })
      return found
    }),
  )
  return all.flat()
}

let isAway = false
const contracted = createKafkaSender({
  async open(target) {
    const producer = await openFencedProducer(
      isAway ? createKafka({ brokers: ['127.0.0.1:1'], clientId: 'away' }) : kafka,
      target,
    )
    return {
      ...producer,
      async send(records) {
        if (isAway) await producer.close()
        await producer.send(records)
      },
    }
  },
  groupPrefix: uniquePrefix('sender'),
  topicPrefix: 'cdp',
  partitions: 3,
  elapsedMs: () => 0,
})
afterAll(() => contracted.close())

senderContract('a real Kafka', () => ({
  sender: contracted,
  destination: { kind: 'Destination', id: 'crm', kafka: { topic: contractTopic } },
  arrived: async (profileId) =>
    (await read(contractTopic)).flatMap(({ key, value }) => (key === profileId ? [value!] : [])),
  breakOff: async () => void (isAway = true),
  mend: async () => void (isAway = false),
}))

const person = (n: number): string => `${String(n).padStart(32, '0')}-0`

async function change(profileId: string, n: number, over: Partial<ProfileChangeRecord>): Promise<void> {
  const profile = profileChange(n, { profileId, ...over })
  await installation.publish({ profileId, version: profile.version, profile })
}

const consenting = { 'consent.email': true, 'traits.plan': 'pro', 'traits.salary': 90_000 }
const email = (n: number) => ({ added: [{ type: 'email', value: `p${n}@example.com` }], removed: [] })

test('the subscriber’s topic holds the chosen fields of whoever consents and nothing else, also after a kill', async () => {
  const people = [1, 2, 3, 4, 5]
  for (const n of people) await change(person(n), 1, { after: consenting, identifiers: email(n) })
  await waitForValue(
    'five people',
    () => read(topic),
    (found) => new Set(found.map(({ key }) => key)).size === 5,
  )
  await activation.kill()
  await change(person(1), 2, { op: 'd', mergedInto: person(2) })
  await change(person(3), 2, { op: 'd' })
  await change(person(4), 2, { before: { 'consent.email': true }, after: { 'consent.email': false } })
  await change(person(5), 2, { after: { 'traits.plan': 'max' } })
  await change(person(6), 1, { after: { 'traits.plan': 'pro' }, identifiers: email(6) })
  activation = await installation.start()
  const held = await waitForValue(
    'what is held after all of it',
    async () => new Map((await read(topic)).map(({ key, value }) => [key, value])),
    // Between people there is no order: each has to have arrived.
    (found) =>
      found.get(person(1))?.includes('mergedInto') === true &&
      [3, 4].every((n) => found.get(person(n)) === null) &&
      found.get(person(5))?.includes('max') === true,
  )
  const data = (n: number, version: number, plan: string) =>
    JSON.stringify({
      profileId: person(n),
      version: versionOf(1, version),
      data: { email: `p${n}@example.com`, plan },
    })
  expect([...held].toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
    [person(1), JSON.stringify({ profileId: person(1), version: versionOf(1, 2), mergedInto: person(2) })],
    [person(2), data(2, 1, 'pro')],
    [person(3), null],
    [person(4), null],
    [person(5), data(5, 2, 'max')],
  ])
  for (const { value } of await read(topic)) expect(value ?? '').not.toMatch('salary')
}, 60_000)

test('a topic that is missing pauses the destination, and nothing is lost', async () => {
  const missing = `${uniquePrefix('crm')}.missing`
  const documents = exampleDocuments().map((document) =>
    document.kind === 'Destination' ? { ...document, kafka: { topic: missing } } : document,
  )
  await installation.apply(documents)
  await change(person(7), 1, { after: consenting, identifiers: email(7) })
  await waitUntil('the pause', async () => (await installation.metrics(activation)).includes('mode="paused"'))
  await installation.apply(exampleDocuments())
  const found = await waitForValue(
    'it is sent',
    () => read(topic),
    (records) => records.some(({ key }) => key === person(7)),
  )
  expect(found.filter(({ key }) => key === person(7))).toHaveLength(1)
}, 60_000)
