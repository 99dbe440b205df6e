import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createTopics } from '@tributary/kafka'
import { topics } from '@tributary/contracts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitUntil } from '../../support/waitUntil.ts'
import { type Installation, counts, openInstallation } from './collectorInstallation.ts'

let installation: Installation

beforeAll(async () => {
  installation = await openInstallation()
}, 60_000)
afterAll(() => installation.close())

const web = (key: string): { kind: string; id: string } =>
  ({
    kind: 'Source',
    id: 'web',
    http: {
      keys: [
        { kind: 'client', value: key },
        { kind: 'secret', file: 'web-key' },
      ],
    },
  }) as never

async function track(port: number, key: string, body: object = { event: 'x' }) {
  const response = await fetch(`http://127.0.0.1:${port}/v1/track`, {
    method: 'POST',
    headers: { 'x-write-key': key },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const readyz = async (admin: number): Promise<{ status: number; text: string }> => {
  const response = await fetch(`http://127.0.0.1:${admin}/readyz`)
  return { status: response.status, text: await response.text() }
}

test('from no configuration to events in ClickHouse, revisions adopted on the way, then a graceful stop', async () => {
  await installation.secret('web-key', 'the secret of the web shop\n')
  const collector = await installation.start()
  const { http = 0, admin = 0 } = collector.ports()

  // Ready without any source; nobody has a key.
  expect((await readyz(admin)).status).toBe(200)
  expect(await track(http, 'wk_web_1')).toMatchObject({ status: 401, body: { code: 'unknown_key' } })

  await installation.apply([web('wk_web_1')])
  await waitUntil('the first revision is adopted', async () => (await track(http, 'wk_web_1')).status === 200)
  await installation.apply([web('wk_web_2')])
  await waitUntil(
    'the second revision is adopted',
    async () => (await track(http, 'wk_web_1')).status === 401,
  )

  const answer = await track(http, 'the secret of the web shop', {
    event: 'Order Completed',
    messageId: 'order-1',
    userId: 'u1',
    properties: { total: 12.5 },
  })
  expect(answer).toMatchObject({ status: 200, body: { success: true, accepted: 1, rejected: [] } })
  expect((await track(http, 'wk_web_2', { messageId: 'bad-1' })).body).toMatchObject({
    accepted: 0,
    rejected: [{ messageId: 'bad-1', code: 'missing_event_name' }],
  })

  const { clickhouse } = installation
  const rows = await waitUntil('the event is in ClickHouse', async () => {
    const found = await clickhouse.query(
      `SELECT source, name, trusted, raw FROM ${clickhouse.table('events')} WHERE message_id = 'order-1'`,
    )
    return found.length > 0 && found
  })
  expect(rows).toEqual([
    {
      source: 'web',
      name: 'Order Completed',
      trusted: true,
      raw: '{"event":"Order Completed","messageId":"order-1","userId":"u1","properties":{"total":12.5}}',
    },
  ])
  const rejected = await waitUntil('the reject is in ClickHouse', async () => {
    const found = await clickhouse.query(
      `SELECT code, input FROM ${clickhouse.table('rejected')} WHERE message_id = 'bad-1'`,
    )
    return found.length > 0 && found
  })
  expect(rejected).toEqual([{ code: 'missing_event_name', input: '{"messageId":"bad-1"}' }])

  await collector.stop()
  expect(await collector.ended()).toEqual({ code: 0, signal: null })
  const log = await installation.log(collector)
  expect(log).toContain('"msg":"ready"')
  expect(log).not.toContain('the secret of the web shop')
}, 90_000)

test('a key whose file is not mounted is a clear line in the log; the other keys work', async () => {
  const bare = await openInstallation()
  try {
    await bare.apply([web('wk_web_1')])
    const collector = await bare.start({ SECRETS_REREAD_MS: '500' })
    const log = await bare.log(collector)
    expect(log).toContain('a key of a source cannot be used')
    expect(log).toContain('web-key')
    expect((await track(collector.ports().http!, 'wk_web_1')).status).toBe(200)
    // Mounted later, it is found without a restart.
    await bare.secret('web-key', 'late')
    await waitUntil(
      'the key is known',
      async () => (await track(collector.ports().http!, 'late')).status === 200,
    )
  } finally {
    await bare.close()
  }
}, 120_000)

test('one instance takes events, another copies them into ClickHouse', async () => {
  const apart = await openInstallation()
  try {
    await apart.apply([web('wk_web_1')])
    await apart.secret('web-key', 'a secret')
    const ingest = await apart.start({ ROLE: 'ingest', CLICKHOUSE_URL: 'http://127.0.0.1:1' })
    expect((await track(ingest.ports().http!, 'wk_web_1', { event: 'x', messageId: 'apart' })).status).toBe(
      200,
    )
    expect((await readyz(ingest.ports().admin!)).text).not.toContain('event-log')

    const copier = await apart.start({ ROLE: 'event-log' })
    expect(copier.ports().http).toBeUndefined()
    await waitUntil('the event is in ClickHouse', async () => {
      const rows = await apart.clickhouse.query(
        `SELECT 1 FROM ${apart.clickhouse.table('events')} WHERE message_id = 'apart'`,
      )
      return rows.length > 0
    })
  } finally {
    await apart.close()
  }
}, 90_000)

test('ClickHouse away: events are taken all the same, and readiness says what waits', async () => {
  const without = await openInstallation()
  try {
    await without.apply([web('wk_web_1')])
    const collector = await without.start({ CLICKHOUSE_URL: 'http://127.0.0.1:1' })
    const { http = 0, admin = 0 } = collector.ports()
    expect(await track(http, 'wk_web_1', { event: 'x', messageId: 'while-away' })).toMatchObject({
      status: 200,
    })
    const ready = await waitUntil('the detail of readiness', async () => {
      const found = await readyz(admin)
      return found.text.includes('"event-log"') && /wait/.test(found.text) && found
    })
    expect(ready.status).toBe(200)
    expect((await without.events()).map((event) => event.messageId)).toEqual(['while-away'])
  } finally {
    await without.close()
  }
}, 90_000)

describe('at the start', () => {
  test('a broker that cannot be reached: not ready, 503 with the time to wait, a clear line, and no exit', async () => {
    const collector = await installation.spawn({ KAFKA_BROKERS: '127.0.0.1:1' })
    const log = await waitUntil('the line that says so', async () => {
      const text = await installation.log(collector)
      return text.includes('Kafka cannot be used yet') && text
    })
    expect(log).toContain('127.0.0.1:1')
    const http = Number(/"http":(\d+),"msg":"listening/.exec(log)?.[1])
    const response = await fetch(`http://127.0.0.1:${http}/v1/track`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    expect(await response.json()).toMatchObject({ success: false, code: 'starting' })
    expect(collector.running()).toBe(true)
    await collector.stop(10_000)
    expect(await collector.exited).toEqual({ code: 0, signal: null })
  }, 90_000)

  test('topics with another number of partitions: it refuses to start and says what to do', async () => {
    const prefix = uniquePrefix('wrong')
    await createTopics(installation.kafka, {
      topics: [topics.events, topics.rejected, topics.config],
      counts: { ...counts, identifier: 2 },
      prefix,
      replicationFactor: 1,
      minInSyncReplicas: 1,
    })
    await expect(installation.start({ TOPIC_PREFIX: prefix })).rejects.toThrow(/IDENTIFIER_PARTITIONS=2/)
  }, 60_000)

  test('settings that cannot be used are all named at once', async () => {
    const collector = await installation.spawn({
      KAFKA_BROKERS: '',
      MAX_BODY_BYTES: 'many',
      LOG_LEVEL: 'loud',
    })
    expect(await collector.exited).toEqual({ code: 1, signal: null })
    const log = await installation.log(collector)
    for (const name of ['KAFKA_BROKERS', 'MAX_BODY_BYTES', 'LOG_LEVEL']) expect(log).toContain(name)
  }, 60_000)
})
