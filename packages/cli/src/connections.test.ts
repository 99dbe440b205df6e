import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { clickhouseTarget, findService, kafkaTarget, serviceTarget } from './connections.ts'
import type { CommandError, Context } from './context.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function context(env: Record<string, string> = {}, cwd = folder): Context {
  return {
    env,
    cwd,
    out: () => undefined,
    err: () => undefined,
    colour: false,
    now: () => 0,
    user: 'ada',
    interrupted: new AbortController().signal,
  }
}

function localStack() {
  mkdirSync(join(folder, '.data'))
  writeFileSync(
    join(folder, '.data', 'local.json'),
    JSON.stringify({
      kafka: { brokers: '127.0.0.1:1111' },
      clickhouse: { url: 'http://127.0.0.1:2222', database: 'local' },
      profileStore: { grpc: '127.0.0.1:3333' },
      files: { grpcToken: '/local/token' },
      env: { TOPIC_PREFIX: 'shop', IDENTIFIER_PARTITIONS: '3' },
    }),
  )
  const below = join(folder, 'a', 'b')
  mkdirSync(below, { recursive: true })
  return below
}

test('the nearest local stack is used when nothing else is given, with its prefix and counts', () => {
  const cwd = localStack()
  const kafka = kafkaTarget(context({}, cwd), {})
  expect(kafka).toMatchObject({
    connection: { brokers: ['127.0.0.1:1111'] },
    topicPrefix: 'shop',
    replicationFactor: 1,
    counts: { identifier: 3, profile: 12 },
  })
  expect(clickhouseTarget(context({}, cwd), {})).toMatchObject({
    url: 'http://127.0.0.1:2222',
    database: 'local',
  })
  expect(serviceTarget(context({}, cwd), 'profile-store')).toEqual({
    address: '127.0.0.1:3333',
    tokenFile: '/local/token',
  })
})

test('a flag goes before the environment, and both before the local stack, of which nothing is then mixed in', () => {
  const cwd = localStack()
  const env = { KAFKA_BROKERS: 'kafka:9092', CLICKHOUSE_URL: 'http://ch:8123' }
  expect(kafkaTarget(context(env, cwd), {})).toMatchObject({
    connection: { brokers: ['kafka:9092'] },
    topicPrefix: 'cdp',
    replicationFactor: 3,
  })
  expect(kafkaTarget(context(env, cwd), { brokers: 'a:1,b:2', prefix: 'x' })).toMatchObject({
    connection: { brokers: ['a:1', 'b:2'] },
    topicPrefix: 'x',
  })
  expect(clickhouseTarget(context(env, cwd), {})).toMatchObject({
    url: 'http://ch:8123',
    database: 'tributary',
  })
})

test('nothing given is a sentence that says what to do', () => {
  expect(() => kafkaTarget(context(), {})).toThrow(
    'no Kafka is named: give --brokers host:port, set KAFKA_BROKERS, or run `make up` first',
  )
  expect(() => clickhouseTarget(context(), {})).toThrow('no ClickHouse is named')
  expect(() => serviceTarget(context(), 'profile-store')).toThrow(
    'no profile-store is named: give --address host:port, set PROFILE_STORE_GRPC',
  )
  expect(findService(context(), 'activation')).toBeUndefined()
})

test('wrong settings are all told at once', () => {
  const details = (() => {
    try {
      return kafkaTarget(context({ KAFKA_BROKERS: 'a:1', KAFKA_TLS: 'maybe', PROFILE_PARTITIONS: '0' }), {})
    } catch (error) {
      return (error as CommandError).details
    }
  })()
  expect(details).toEqual([
    expect.stringMatching(/^KAFKA_TLS /),
    expect.stringMatching(/^PROFILE_PARTITIONS /),
  ])
})

test('a broken local.json is named', () => {
  mkdirSync(join(folder, '.data'))
  writeFileSync(join(folder, '.data', 'local.json'), '{')
  expect(() => kafkaTarget(context(), {})).toThrow(
    /local\.json cannot be read .* run `make down` and `make up` again/,
  )
})
