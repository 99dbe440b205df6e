/**
 * A customer's row is deleted in its database, and the source says `onDelete: erase`: the person is gone from every service,
 * once, also when the collector is killed in the middle and the deletion is read again; and the books balance.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topicName, topics } from '@tributary/contracts'
import { type PlainProducer, createKafka, createPlainProducer, readTopic } from '@tributary/kafka'
import { startServices, type Installation } from '../../deploy/local/src/launcher.ts'
import { sharedStack, testStack } from '../support/testStack.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../support/waitUntil.ts'

const prefix = uniquePrefix('erased')
const CUSTOMERS = `${prefix}.crm.customers`
const PROFILE_PARTITIONS = 4
const DOCUMENTS = `
kind: Workspace
id: shop
schema: tributary/v1
timeZone: Europe/Paris
---
kind: Source
id: web
http: { keys: [{ kind: secret, file: web-key }] }
---
kind: Source
id: customers
kafka: { topic: ${CUSTOMERS}, format: debezium, onDelete: erase }
map:
  type: { const: identify }
  identifiers: { user_id: id, email: email }
  traits: { first_name: first_name }
`
/** A restart, a rebalance and a restore on a busy machine. */
const CAUGHT_UP = { timeoutMs: 90_000, pollMs: 300 }

const kafka = createKafka({ brokers: testStack().brokers.split(','), clientId: 'erased-row-test' })
let producer: PlainProducer
let folder: string
let installation: Installation

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-e2e-'))
  await mkdir(join(folder, 'documents'))
  await writeFile(join(folder, 'documents', 'shop.yaml'), DOCUMENTS)
  installation = await startServices(sharedStack(prefix), {
    dataDir: folder,
    settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix, PROFILE_PARTITIONS: String(PROFILE_PARTITIONS) },
    services: [{ service: 'collector' }, { service: 'identity-stitcher' }, { service: 'profile-store' }],
    documents: join(folder, 'documents'),
  })
  producer = await createPlainProducer(kafka)
}, 180_000)

afterAll(async () => {
  await producer?.close()
  await installation?.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

interface Row {
  readonly id: string
  readonly email: string
  readonly first_name?: string
}
let lsn = 100

/** As Debezium writes it; a tombstone follows a deletion. */
function change(op: 'c' | 'd', row: Row, at = ++lsn): [string, string | null][] {
  const key = JSON.stringify({ id: row.id })
  const source = { connector: 'postgresql', name: 'crm', db: 'crm', table: 'customers', lsn: at, ts_ms: 1 }
  const [before, after] = op === 'd' ? [row, null] : [null, row]
  const value = JSON.stringify({ op, before, after, source })
  return op === 'd'
    ? [
        [key, value],
        [key, null],
      ]
    : [[key, value]]
}

async function write(...changes: [string, string | null][][]): Promise<void> {
  await producer.send(changes.flat().map(([key, value]) => ({ topic: CUSTOMERS, partition: 0, key, value })))
}

async function visit(anonymousId: string, userId: string, messageId: string): Promise<void> {
  await waitUntil('the collector to take an event', async () => {
    const response = await fetch(`${installation.addresses().collector?.http}/v1/track`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${installation.writeKeys['web']}:`)}` },
      body: JSON.stringify({ type: 'track', event: 'Seen', anonymousId, userId, messageId }),
    })
    return response.status === 200
  })
}

interface Shown {
  readonly profileId: string
  readonly events: number
  readonly traits: Record<string, string>
  readonly identifiers: readonly { readonly type: string; readonly value: string }[]
}

/** Undefined when there is nobody of that name. */
async function profileOf(who: string): Promise<Shown | undefined> {
  const address = installation.addresses().profileStore!.grpc
  try {
    return JSON.parse(
      await installation.tributary(['profile', 'get', who, '--json', '--address', address]),
    ) as Shown
  } catch (error) {
    if (/no event of that person was ever folded, or the person was erased/.test(String(error)))
      return undefined
    throw error
  }
}

/** What compaction leaves of the public profiles: null is gone. */
async function publicProfiles(): Promise<Map<string, Shown | null>> {
  const found = new Map<string, Shown | null>()
  for (let partition = 0; partition < PROFILE_PARTITIONS; partition++)
    for await (const { records } of readTopic(kafka, {
      topic: topicName(prefix, topics.profiles),
      partition,
    }))
      for (const { key, value } of records)
        found.set(key!.toString(), value && (JSON.parse(value.toString()) as Shown))
  return found
}

async function changesOf(profileId: string): Promise<string[]> {
  const ops: string[] = []
  for (let partition = 0; partition < PROFILE_PARTITIONS; partition++)
    for await (const { records } of readTopic(kafka, {
      topic: topicName(prefix, topics.profileChanges),
      partition,
    }))
      for (const { key, value } of records)
        if (key?.toString() === profileId) ops.push((JSON.parse(value!.toString()) as { op: string }).op)
  return ops
}

interface Report {
  balanced: boolean
  repeated?: number
  folding: Record<string, unknown>
  stored?: Record<string, number>
}

async function audit(): Promise<Report> {
  const address = installation.addresses().profileStore!.grpc
  const text = await installation
    .tributary(['audit', '--json', '--address', address])
    .catch((error: unknown) => String(error))
  const from = text.indexOf('{')
  return from < 0
    ? { balanced: false, folding: { text } }
    : (JSON.parse(text.slice(from, text.lastIndexOf('}') + 1)) as Report)
}

const ada = { id: 'u7', email: 'ada@shop.example', first_name: 'Ada' }
const deletion = () => change('d', ada, 900)

test('the row is deleted: its person is gone, with the visitor that was known to be the same, and nobody else', async () => {
  await write(change('c', ada), change('c', { id: 'u8', email: 'eve@shop.example', first_name: 'Eve' }))
  await visit('visitor-7', 'u7', 'v1')
  const before = await waitForValue(
    'Ada with her visit',
    () => profileOf('anonymous_id:visitor-7'),
    (found) => found?.events === 2 && found.traits['first_name'] === 'Ada',
    CAUGHT_UP,
  )
  const { profileId } = before!

  await installation.service('collector').kill()
  await write(deletion())
  await installation.service('collector').start()
  for (const who of ['user_id:u7', 'anonymous_id:visitor-7', 'email:ada@shop.example'])
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await waitForValue(
      `${who} to be gone`,
      () => profileOf(who),
      (found) => found === undefined,
      CAUGHT_UP,
    )
  const profiles = await waitForValue(
    'the profile to be null in public',
    publicProfiles,
    (found) => found.get(profileId) === null,
    CAUGHT_UP,
  )
  expect(JSON.stringify([...profiles])).not.toMatch(/Ada|ada@|visitor-7/)
  expect(await profileOf('user_id:u8')).toMatchObject({ events: 1, traits: { first_name: 'Eve' } })
  expect((await changesOf(profileId)).filter((op) => op === 'd')).toHaveLength(1)
}, 180_000)

test('deleted and inserted again in one go: a new person under a new id, with what was inserted', async () => {
  await write(change('c', { ...ada, first_name: 'Ada again' }))
  const again = await waitForValue('the new row', () => profileOf('user_id:u7'), Boolean, CAUGHT_UP)
  expect(again).toMatchObject({ events: 1, traits: { first_name: 'Ada again' } })
  expect(again!.profileId).toMatch(/-1$/)

  await write(change('d', ada), change('c', { ...ada, first_name: 'Grace' }))
  const third = await waitForValue(
    'the row that was inserted with the deletion',
    () => profileOf('user_id:u7'),
    (found) => found?.profileId.endsWith('-2') === true,
    CAUGHT_UP,
  )
  expect(third).toMatchObject({ events: 1, traits: { first_name: 'Grace' } })
  expect(third!.identifiers.map(({ value }) => value).sort()).toEqual(['ada@shop.example', 'u7'])
}, 180_000)

test('the deletion read again erases nobody again, and the books balance', async () => {
  await write(deletion(), change('c', { id: 'u9', email: 'joe@shop.example' }))
  await waitForValue('the row after it', () => profileOf('user_id:u9'), Boolean, CAUGHT_UP)
  await visit('visitor-9', 'u7', 'v2')
  const alive = await waitForValue(
    'a visit of the new person',
    () => profileOf('user_id:u7'),
    (found) => found?.events === 2,
    CAUGHT_UP,
  )
  expect(alive!.profileId).toMatch(/-2$/)
  const report = await waitForValue('the ledger to balance', audit, ({ balanced }) => balanced, CAUGHT_UP)
  // A row and a visit, then the row that was inserted again; skipped are the two deletions.
  expect(report.folding).toMatchObject({
    erased: 3,
    inFlight: 0,
    reasons: { duplicate: 1, erased: 2 },
  })
}, 180_000)

test('her rows leave the event log, the person who came after keeps theirs, and the books balance', async () => {
  const outcome = await installation.tributary(['erasures', '--yes', '--json'])
  const { removed, found } = JSON.parse(outcome) as { removed: number; found: { table: string }[] }
  expect(new Set(found.map(({ table }) => table))).toEqual(new Set(['events', 'profile_changes']))
  expect(removed).toBeGreaterThan(5)
  const report = await waitForValue('the ledger to balance', audit, ({ balanced }) => balanced, CAUGHT_UP)
  expect(report.stored).toMatchObject({ erased: removed, expired: 0 })
  expect(report.folding).toMatchObject({ erased: 3, inFlight: 0 })
  // Nothing is left to remove, and the living are as they were.
  expect(JSON.parse(await installation.tributary(['erasures', '--yes', '--json']))).toMatchObject({
    removed: 0,
  })
  expect(await profileOf('user_id:u7')).toMatchObject({ events: 2, traits: { first_name: 'Grace' } })
  expect(await profileOf('user_id:u8')).toMatchObject({ events: 1, traits: { first_name: 'Eve' } })
}, 180_000)

test('all that the log has goes through the pipeline again: nothing changes, nobody is back, and once is enough', async () => {
  const before = await profileOf('user_id:u7')
  const changes = await changesOf(before!.profileId)
  const sent = JSON.parse(await installation.tributary(['replay', '--all', '--yes', '--json'])) as {
    send: number
  }
  expect(sent).toMatchObject({ done: true, before: 0, old: 0 })
  expect(sent.send).toBeGreaterThanOrEqual(4)
  const report = await waitForValue(
    'the ledger to balance with every event there twice',
    audit,
    ({ balanced, repeated }) => balanced && repeated === sent.send,
    CAUGHT_UP,
  )
  expect(report.folding).toMatchObject({ erased: 3, inFlight: 0 })
  expect(await profileOf('user_id:u7')).toEqual(before)
  expect(await changesOf(before!.profileId)).toEqual(changes)
  expect(JSON.parse(await installation.tributary(['replay', '--all', '--yes', '--json']))).toMatchObject({
    send: 0,
    before: 2 * sent.send,
  })
}, 180_000)
