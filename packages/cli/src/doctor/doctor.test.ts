import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { allTopics, topics } from '@tributary/contracts'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { nextRevision, toRevisionDocument, type Document } from '@tributary/configuration'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'
import { clockCheck, versionCheck } from './examineClickhouse.ts'
import { examineFiles } from './examineFiles.ts'
import { examineKafka } from './examineKafka.ts'
import type { Check } from './finding.ts'

const workspace: Document = { kind: 'Workspace', schema: 'tributary/v1', id: 'maison', timeZone: 'UTC' }
const crm: Document = {
  kind: 'Destination',
  id: 'crm',
  webhook: { url: 'https://x.example', signingSecret: { file: 'crm' } },
}
const hook: Document = {
  kind: 'Source',
  id: 'shopify',
  webhook: { scheme: 'shopify', secrets: [{ file: 'shopify-new' }] },
  map: { event: '__topic', identifiers: { email: 'email' } },
}
const source: Document = { kind: 'Source', id: 'web', http: { keys: [{ kind: 'secret', file: 'web-key' }] } }

function doorWith(...documents: Document[]): MemoryDoor {
  const door = new MemoryDoor()
  const revision = nextRevision(
    undefined,
    documents.map((each) => toRevisionDocument(each, 'files')),
    { author: 'a', message: '', createdAtMs: 0 },
  )
  door.put(topics.config, 0, Revision.encode(revision).finish())
  return door
}

function summary(checks: readonly Check[]) {
  return checks.map(({ area, state, message }) => [area, state, message])
}

describe('Kafka and the configuration', () => {
  test('a whole installation is fine', async () => {
    expect(summary((await examineKafka(doorWith(workspace, crm, source), 1)).checks)).toEqual([
      ['Kafka', 'fine', '1 broker answers'],
      ['topics', 'fine', `all ${allTopics.length} are there, with the right settings`],
      ['rights', 'fine', 'every topic can be read with the rights used here'],
      ['configuration', 'fine', 'revision 1 with 3 documents is in force'],
    ])
  })

  test('the topics of sources: there, missing, not for us; those of a disabled source do not matter', async () => {
    const reading = (id: string, more: object = {}): Document => ({
      kind: 'Source',
      id,
      kafka: { topic: `shop.${id}`, format: 'segment' },
      ...more,
    })
    const door = doorWith(
      workspace,
      reading('app'),
      reading('gone'),
      reading('secret'),
      reading('off', { disabled: true }),
    )
    door.others.set('shop.app', true).set('shop.secret', false)
    const found = summary((await examineKafka(door, 1)).checks).filter(([area]) => area === 'sources')
    expect(found).toEqual([
      ['sources', 'fine', 'source app: its topic shop.app can be read'],
      ['sources', 'wrong', 'source gone: its topic shop.gone does not exist'],
      [
        'sources',
        'wrong',
        'source secret: its topic shop.secret cannot be read: not authorised to read shop.secret',
      ],
    ])
  })

  test('a topic that may not be read is found, with where its rights are written', async () => {
    const door = doorWith(workspace)
    door.others.set(door.topicName(topics.assignments), false)
    const found = (await examineKafka(door, 1)).checks.filter(({ area }) => area === 'rights')
    expect(found).toMatchObject([
      {
        state: 'wrong',
        message: expect.stringContaining(`cannot be read: ${door.topicName(topics.assignments)}`),
        remedy: 'give the rights of `tributary topics --format kafka-acls`',
      },
    ])
  })

  test('too few brokers, missing topics and no revision are each a finding with what to do', async () => {
    const { checks } = await examineKafka(new MemoryDoor([topics.config]), 3)
    expect(checks.filter((check) => check.state === 'wrong').length).toBe(allTopics.length + 1)
    expect(checks.every((check) => check.state === 'fine' || check.remedy !== undefined)).toBe(true)
    expect(summary((await examineKafka(new MemoryDoor([]), 1)).checks)).toContainEqual([
      'topics',
      'wrong',
      'none of them exists',
    ])
  })

  test('a revision that this version does not take is said document by document', async () => {
    const { checks } = await examineKafka(
      doorWith(workspace, { kind: 'Sync', id: 's', from: { audience: 'gone' }, to: 'gone' }),
      1,
    )
    expect(summary(checks).at(-1)).toEqual([
      'configuration',
      'wrong',
      'sync/s: to: there is no Destination document `gone`',
    ])
  })
})

test.each([
  ['26.7.2.1', 'fine'],
  ['25.3.1.1', 'fine'],
  ['25.2.9.9', 'wrong'],
  ['24.8.1.1', 'wrong'],
])('ClickHouse %s is %s', (version, state) => {
  expect(versionCheck(version).state).toBe(state)
})

test('clocks may differ by seconds, not by more', () => {
  expect([clockCheck(4_000).state, clockCheck(-4_000).state, clockCheck(6_000).state]).toEqual([
    'fine',
    'fine',
    'wrong',
  ])
})

describe('files', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tributary-doctor-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function file(name: string, text: string, mode = 0o600): string {
    const path = join(folder, name)
    writeFileSync(path, text)
    chmodSync(path, mode)
    return path
  }

  test('a key that is missing, short or open to everybody is found', () => {
    const states = (workspaceKey: string) => examineFiles({ workspaceKey }, [])[0]
    expect(states(file('good', 'k'.repeat(64)))).toMatchObject({ state: 'fine' })
    expect(states(file('short', 'k'.repeat(31)))).toMatchObject({
      state: 'wrong',
      remedy: 'make one: openssl rand -hex 32',
    })
    expect(states(file('open', 'k'.repeat(64), 0o644))).toMatchObject({
      state: 'wrong',
      remedy: `chmod o-rwx ${join(folder, 'open')}`,
    })
    expect(states(join(folder, 'none'))).toMatchObject({
      state: 'wrong',
      message: expect.stringMatching('ENOENT'),
    })
    expect(examineFiles({}, [])).toMatchObject([{ state: 'unknown' }, { state: 'unknown' }])
  })

  test('secrets that documents name and nobody mounted are named with their document', () => {
    file('web-key', 'x')
    const checks = examineFiles({ secrets: folder }, [workspace, crm, source, hook]).filter(
      (check) => check.area === 'secrets',
    )
    expect(summary(checks)).toEqual([
      ['secrets', 'wrong', `Destination crm names crm, which is not in ${folder}`],
      ['secrets', 'wrong', `Source shopify names shopify-new, which is not in ${folder}`],
    ])
  })
})

test('doctor looks at everything even when nothing is there, and exits with 2', async () => {
  const { code, out } = await commandLine({
    door: new MemoryDoor(),
    env: {
      KAFKA_BROKERS: 'memory:9092',
      KAFKA_REPLICATION_FACTOR: '1',
      KAFKA_MIN_ISR: '1',
      CLICKHOUSE_URL: 'http://127.0.0.1:1',
      PROFILE_STORE_GRPC: '127.0.0.1:1',
      COLLECTOR_HTTP: 'http://127.0.0.1:1',
    },
  })('doctor')
  expect(code).toBe(2)
  expect(out).toMatch(
    /^wrong +configuration +there is no revision yet: apply a folder with `tributary apply DIR`$/m,
  )
  expect(out).toMatch(/^wrong +ClickHouse .*: check that ClickHouse runs, the address and the user$/m)
  expect(out).toMatch(/^wrong +collector +does not answer at http:\/\/127\.0\.0\.1:1 /m)
  expect(out).toMatch(/^wrong +profile-store +does not answer at 127\.0\.0\.1:1 /m)
  expect(out).toMatch(/4 things to mend$/)
})
