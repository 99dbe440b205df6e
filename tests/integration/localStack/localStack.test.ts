/** The local stack itself: what it promises whoever starts it. One kind at a time: the one this run was given. */
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { startLocalStack, type LocalStack } from '../../../deploy/local/src/localStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitUntil } from '../../support/waitUntil.ts'
import { testStack } from '../../support/testStack.ts'

/** Given addresses cannot be restarted from here: then this machine's own kind is what is tested. */
const environment = { ...process.env, KAFKA_BROKERS: undefined, CLICKHOUSE_URL: undefined }

let folder: string
let stack: LocalStack

beforeAll(async () => {
  testStack()
  folder = await mkdtemp(join(tmpdir(), 'tributary-stack-'))
  stack = await startLocalStack({ dataDir: join(folder, 'stack'), environment })
}, 120_000)

afterAll(async () => {
  await stack?.stop()
  await rm(folder, { recursive: true, force: true })
})

function kafka(): Kafka {
  return new Kafka({ brokers: stack.kafka.brokers.split(','), logLevel: logLevel.NOTHING })
}

async function withAdmin<T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const admin = kafka().admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

describe('Kafka', () => {
  test('a topic nobody created does not appear by itself', async () => {
    const topic = uniquePrefix('typo')
    const producer = kafka().producer({ allowAutoTopicCreation: true, retry: { retries: 0 } })
    await producer.connect()
    await expect(producer.send({ topic, messages: [{ value: 'x' }] })).rejects.toThrow(
      /does not host this topic-partition/,
    )
    await producer.disconnect()
    expect(await withAdmin((admin) => admin.listTopics())).not.toContain(topic)
  })

  test('a restart keeps the address, the topics and what was acknowledged', async () => {
    const topic = uniquePrefix('kept')
    await withAdmin((admin) => admin.createTopics({ topics: [{ topic, numPartitions: 1 }] }))
    const producer = kafka().producer()
    await producer.connect()
    await producer.send({ topic, acks: -1, messages: [{ value: 'before' }] })
    await producer.disconnect()
    for (const how of ['stop', 'kill'] as const) {
      await stack.restartKafka(how)
      const [offset] = await withAdmin((admin) => admin.fetchTopicOffsets(topic))
      expect([how, offset]).toMatchObject([how, { low: '0', high: '1' }])
    }
  })
})

describe('ClickHouse', () => {
  test('a kill takes it away at once; started again it has what was acknowledged', async () => {
    const client = createClient({ url: stack.clickhouse.url, log: { level: ClickHouseLogLevel.OFF } })
    await client.command({ query: 'CREATE TABLE default.kept (a Int8) ENGINE = MergeTree ORDER BY a' })
    await client.insert({ table: 'default.kept', values: [{ a: 1 }], format: 'JSONEachRow' })
    await stack.killClickHouse()
    expect((await client.ping()).success).toBe(false)
    await stack.startClickHouse()
    const result = await client.query({ query: 'SELECT a FROM default.kept', format: 'JSONEachRow' })
    expect(await result.json()).toEqual([{ a: 1 }])
    await client.close()
  })
})

describe('the stack as a whole', () => {
  test('one of two addresses given is refused with the one that is missing', async () => {
    const half = { KAFKA_BROKERS: '127.0.0.1:1', CLICKHOUSE_URL: undefined }
    await expect(startLocalStack({ dataDir: join(folder, 'half'), environment: half })).rejects.toThrow(
      /CLICKHOUSE_URL is not set/,
    )
  })

  test('given addresses are used as they are', async () => {
    const given = await startLocalStack({
      dataDir: join(folder, 'given'),
      environment: { KAFKA_BROKERS: 'a:1,b:2', CLICKHOUSE_URL: 'http://c:3' },
    })
    expect(given).toMatchObject({
      kind: 'given',
      kafka: { brokers: 'a:1,b:2' },
      clickhouse: { url: 'http://c:3', database: 'tributary' },
    })
    await given.stop()
  })

  test('a second stack on the same folder is refused with the process that has it', async () => {
    await expect(startLocalStack({ dataDir: join(folder, 'stack'), environment })).rejects.toThrow(
      new RegExp(`already runs.*process ${process.pid}`),
    )
  })

  test.each(['SIGKILL', 'SIGINT'] as const)(
    'nothing is left running when its owner gets %s',
    async (signal) => {
      const script = join(folder, `owner-${signal}.ts`)
      const source = fileURLToPath(new URL('../../../deploy/local/src/localStack.ts', import.meta.url))
      await writeFile(
        script,
        `import { startLocalStack } from ${JSON.stringify(source)}
const stack = await startLocalStack({ dataDir: ${JSON.stringify(join(folder, `owned-${signal}`))} })
process.on('SIGINT', () => void stack.stop().then(() => process.exit(0)))
console.log(JSON.stringify({ brokers: stack.kafka.brokers, url: stack.clickhouse.url }))
setInterval(() => undefined, 1000)
`,
      )
      const owner = spawn(process.execPath, [script], {
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...environment, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
      })
      const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string]
      const addresses = JSON.parse(line) as { brokers: string; url: string }
      expect((await fetch(`${addresses.url}/ping`)).ok).toBe(true)
      owner.kill(signal)
      await once(owner, 'exit')
      await waitUntil('ClickHouse to be gone', () => refuses(addresses.url))
      await waitUntil('Kafka to be gone', () => refuses(`http://${addresses.brokers}`))
      expect(owner.signalCode ?? owner.exitCode).toBe(signal === 'SIGINT' ? 0 : 'SIGKILL')
    },
  )
})

/** A port that takes no connection any more; anything that answers, or hangs up, is still there. */
async function refuses(url: string): Promise<boolean> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(500) })
    return false
  } catch (error) {
    return (error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED'
  }
}
