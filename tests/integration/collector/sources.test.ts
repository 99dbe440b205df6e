import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createAdmin } from '@tributary/kafka'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type Installation, openInstallation } from './collectorInstallation.ts'

let installation: Installation
let receipts: string
let app: string
let collector: ServiceProcess

beforeAll(async () => {
  installation = await openInstallation()
  receipts = await installation.createSourceTopic('receipts', 2)
  app = await installation.createSourceTopic('app', 1)
}, 60_000)
afterAll(() => installation.close())

const pos = (topic: string, more: object = {}): { kind: string; id: string } =>
  ({
    kind: 'Source',
    id: 'pos',
    kafka: { topic, format: 'json', ...more },
    map: {
      event: { const: 'Order Completed' },
      messageId: 'receiptId',
      time: { path: 'soldAt', zone: 'Europe/Paris' },
      identifiers: { email: 'customer.email', user_id: 'customer.number' },
      properties: { total: 'total', ean: 'ean' },
    },
  }) as never

const send = (topic: string, values: readonly (string | null)[], partition = 0): Promise<unknown> =>
  installation.producer.send(values.map((value) => ({ topic, partition, key: 'till-1', value })))

const eventsOf = async (source: string) =>
  (await installation.events()).filter((event) => event.sourceId === source)
const rejectedOf = async (source: string) =>
  (await installation.rejected()).filter((each) => each.source === source)

describe('a till that writes its own JSON, local times and 64-bit numbers', () => {
  test('each receipt is an event with its bytes; a bad one is a reject with its bytes and never in the way', async () => {
    await installation.apply([pos(receipts)])
    const good = (n: number): string =>
      `{"receiptId":"R${n}","soldAt":"2026-10-25T01:30:00","customer":{"email":"A${n}@X.example","number":9007199254740993},"total":12.50,"ean":18446744073709551616}`
    const bad = [
      '{"receiptId":"R2",',
      null,
      '{"invoice":7}',
      '[1,2]',
      '\u0000\u0001',
      `{"total":${'['.repeat(40)}${']'.repeat(40)}}`,
    ]
    await send(receipts, [good(1), ...bad, good(3)])
    await send(receipts, ['{"total":1}'], 1)
    collector = await installation.start()

    const events = await waitForValue(
      'three events',
      () => eventsOf('pos'),
      (found) => found.length === 3,
    )
    const [first] = events.filter((event) => event.messageId === 'R1')
    expect(first!.raw.toString()).toBe(good(1))
    expect(first!.payload!.toString()).toBe(
      '{"type":"track","event":"Order Completed","messageId":"R1","timestamp":"2026-10-25T01:30:00",' +
        '"properties":{"ean":18446744073709551616,"total":12.5},"userId":9007199254740993,' +
        '"context":{"externalIds":[{"type":"email","id":"A1@X.example","collection":"users","encoding":"none"}]}}',
    )
    expect(first).toMatchObject({
      trusted: true,
      timeMs: Date.parse('2026-10-24T23:30:00Z'),
      origin: `kafka:${receipts}:0:0`,
    })
    expect(first!.identifiers.map((each) => `${each.type}=${each.value}`)).toEqual([
      'user_id=9007199254740993',
      'email=a1@x.example',
    ])
    const ids = events.map((event) => event.messageId)
    expect(ids.filter((id) => id.startsWith('R')).sort()).toEqual(['R1', 'R3'])
    expect(ids.filter((id) => /^[0-9a-f]{32}$/.test(id))).toHaveLength(1)

    const rejected = await waitForValue(
      'six rejects',
      () => rejectedOf('pos'),
      (found) => found.length === 6,
    )
    expect(rejected.map((each) => [each.code, each.position?.offset])).toEqual([
      ['invalid_json', 1],
      ['empty_record', 2],
      ['does_not_map', 3],
      ['not_an_object', 4],
      ['invalid_json', 5],
      ['too_deep', 6],
    ])
    expect(rejected.map((each) => Buffer.from(each.input, 'base64').toString())).toEqual(
      bad.map((each) => each ?? ''),
    )
    expect(rejected[0]).toMatchObject({
      origin: `kafka:${receipts}:0:1`,
      position: { topic: receipts, partition: 0 },
    })
  }, 60_000)

  test('a new mapping holds from then on, without a restart', async () => {
    const changed = pos(receipts) as unknown as { map: { event: object } }
    await installation.apply([
      { ...changed, map: { ...changed.map, event: { const: 'Receipt Printed' } } } as never,
    ])
    const event = await waitUntil('an event under the new mapping', async () => {
      await send(receipts, ['{"total":2}'])
      return (await eventsOf('pos')).find((each) => each.name === 'Receipt Printed')
    })
    expect(event.raw.toString()).toBe('{"total":2}')
  }, 60_000)
})

test('Segment-shaped JSON needs no mapping', async () => {
  await installation.apply([
    pos(receipts),
    { kind: 'Source', id: 'app', kafka: { topic: app, format: 'segment' }, zone: 'Europe/Paris' } as never,
  ])
  const text =
    '{"type":"identify","messageId":"i1","userId":"u7","traits":{"plan":"pro"},"timestamp":"2026-07-01T12:00:00"}'
  await send(app, [text, '{"type":"nonsense"}'])
  const [event] = await waitForValue(
    'the event',
    () => eventsOf('app'),
    (found) => found.length === 1,
  )
  expect(event!.raw.toString()).toBe(text)
  expect(event!.payload).toBeUndefined()
  expect(event).toMatchObject({ timeMs: Date.parse('2026-07-01T10:00:00Z'), messageIdGenerated: false })
  expect(
    (
      await waitForValue(
        'the reject',
        () => rejectedOf('app'),
        (found) => found.length === 1,
      )
    )[0]!.code,
  ).toBe('unknown_type')
}, 60_000)

test('CloudEvents and changes of a table, as their producers write them: headers, keys, tombstones', async () => {
  const [orders, rows] = await Promise.all(
    ['orders', 'customers'].map((name) => installation.createSourceTopic(name, 1)),
  )
  await installation.apply([
    pos(receipts),
    { kind: 'Source', id: 'app', kafka: { topic: app, format: 'segment' }, zone: 'Europe/Paris' } as never,
    { kind: 'Source', id: 'orders', kafka: { topic: orders, format: 'cloudevents' } } as never,
    {
      kind: 'Source',
      id: 'customers',
      kafka: { topic: rows, format: 'debezium', onDelete: 'erase' },
      map: {
        type: { const: 'identify' },
        identifiers: { user_id: 'id' },
        traits: { plan: 'plan' },
      },
    } as never,
  ])
  const at = { partition: 0 }
  const headers = {
    ce_specversion: '1.0',
    ce_id: '1',
    ce_source: '/shop',
    ce_type: 'paid',
    'content-type': 'application/json',
  }
  const change = (op: string, before: string | null, after: string | null): string =>
    `{"op":"${op}","before":${before},"after":${after},"source":{"name":"crm","table":"customers","lsn":9}}`
  const row = (plan: string, visits: number): string =>
    `{"id":9007199254740993,"plan":"${plan}","visits":${visits}}`
  const key = '{"id":9007199254740993}'
  await installation.producer.send([
    { ...at, topic: orders!, key: 'k', value: '{"total":18446744073709551616}', headers },
    {
      ...at,
      topic: orders!,
      key: 'k',
      value: '{"specversion":"1.0","id":"2","source":"/shop","type":"paid","userid":"u1"}',
      headers: { 'content-type': 'application/cloudevents+json' },
    },
    { ...at, topic: rows!, key, value: change('c', null, row('free', 1)) },
    { ...at, topic: rows!, key, value: change('u', row('free', 1), row('free', 2)) },
    { ...at, topic: rows!, key, value: change('u', row('free', 2), row('pro', 2)) },
    { ...at, topic: rows!, key, value: change('d', null, null) },
    { ...at, topic: rows!, key, value: null },
  ])
  const paid = await waitForValue(
    'two CloudEvents',
    () => eventsOf('orders'),
    (found) => found.length === 2,
  )
  const byId = new Map(paid.map((event) => [event.messageId, event]))
  expect([byId.get('/shop#1')?.name, byId.get('/shop#2')?.name]).toEqual(['paid', 'paid'])
  expect(byId.get('/shop#1')!.raw.toString()).toContain('"data":{"total":18446744073709551616}')
  const changes = await waitForValue(
    'three changes',
    () => eventsOf('customers'),
    (found) => found.length === 3,
  )
  expect(changes.map(({ erases, identifiers }) => [erases, identifiers.map(({ value }) => value)])).toEqual([
    [undefined, ['9007199254740993']],
    [undefined, ['9007199254740993']],
    [true, ['9007199254740993']],
  ])
  const left = await waitForValue(
    'what is left out',
    () => rejectedOf('customers'),
    (found) => found.length === 2,
  )
  expect(left.map(({ code, position }) => [code, position?.offset])).toEqual([
    ['no_mapped_change', 1],
    ['change_left_out', 4],
  ])
}, 60_000)

test('a source whose topic is missing is reported and waited for; the others go on', async () => {
  const late = `${installation.prefix}.late`
  await installation.apply([
    pos(receipts),
    { kind: 'Source', id: 'late', kafka: { topic: late, format: 'segment' } } as never,
  ])
  await send(receipts, ['{"total":3,"receiptId":"still-there"}'])
  const other = await waitUntil('an event of the other source', async () =>
    (await eventsOf('pos')).find((event) => event.messageId === 'still-there'),
  )
  expect(other.raw.toString()).toBe('{"total":3,"receiptId":"still-there"}')
  await waitUntil('the line that says so', async () =>
    (await installation.log(collector))
      .split('\n')
      .some((line) => line.includes(late) && /"level":"(error|warn)"/.test(line)),
  )
  await installation.createSourceTopic('late', 1)
  await send(late, ['{"type":"page","messageId":"late-1"}'])
  await waitUntil('the event of the late topic', async () => (await eventsOf('late')).length === 1, {
    timeoutMs: 45_000,
  })
}, 90_000)

test('kill -9 again and again: every record is there, and what came twice is the same event', async () => {
  const many = await openInstallation()
  try {
    const topic = await many.createSourceTopic('many', 3)
    await many.apply([{ kind: 'Source', id: 'many', kafka: { topic, format: 'segment' } } as never])
    const total = 6000
    const numbers = Array.from({ length: total }, (_, n) => n)
    const restarted = await many.start()
    const sending = (async () => {
      for (let at = 0; at < total; at += 200) {
        // oxlint-disable-next-line no-await-in-loop -- a steady stream
        await many.producer.send(
          numbers.slice(at, at + 200).map((n) => ({
            topic,
            partition: n % 3,
            key: null,
            value: `{"type":"page","userId":"u${n % 50}","properties":{"n":${n}}}`,
          })),
        )
        // oxlint-disable-next-line no-await-in-loop -- a steady stream
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    })()
    for (let kills = 0; kills < 3; kills++) {
      // oxlint-disable-next-line no-await-in-loop -- one kill after the other
      await waitUntil('it reads on', async () => (await many.events()).length > (kills + 1) * 200)
      // oxlint-disable-next-line no-await-in-loop -- one kill after the other
      await restarted.kill()
      // oxlint-disable-next-line no-await-in-loop -- one kill after the other
      await restarted.start()
    }
    await sending
    const events = await waitForValue(
      'all records',
      async () => {
        const found = await many.events()
        return { found, distinct: new Set(found.map((event) => event.messageId)).size }
      },
      ({ distinct }) => distinct >= total,
      { timeoutMs: 90_000, pollMs: 500 },
    )
    expect(events.distinct).toBe(total)
    const byId = new Map<string, Set<string>>()
    for (const event of events.found) {
      const seen = byId.get(event.messageId) ?? new Set()
      byId.set(event.messageId, seen.add(`${event.origin} ${event.anchor} ${event.raw.toString()}`))
    }
    expect([...byId.values()].every((versions) => versions.size === 1)).toBe(true)
  } finally {
    await many.close()
  }
}, 180_000)

test('start: a time begins there, latest begins with what comes, when nothing has been committed', async () => {
  const fresh = await openInstallation()
  try {
    const topic = await fresh.createSourceTopic('history', 1)
    const at = Date.parse('2026-01-01T00:00:00Z')
    await fresh.producer.send(
      [0, 1, 2, 3].map((n) => ({
        topic,
        partition: 0,
        key: null,
        value: `{"type":"page","messageId":"h${n}"}`,
        timestampMs: at + n * 86_400_000,
      })),
    )
    await fresh.apply([
      {
        kind: 'Source',
        id: 'since',
        kafka: { topic, format: 'segment', start: { time: '2026-01-03' } },
      } as never,
      { kind: 'Source', id: 'latest', kafka: { topic, format: 'segment', start: 'latest' } } as never,
    ])
    await fresh.start()
    const admin = await createAdmin(fresh.kafka)
    await waitUntil(
      'both groups are there',
      async () =>
        (await admin.groups()).filter((group) => group.startsWith(`${fresh.prefix}.source.`)).length === 2,
    )
    await admin.close()
    const ids = async (source: string): Promise<string[]> =>
      (await fresh.events()).filter((event) => event.sourceId === source).map((event) => event.messageId)
    await waitUntil('latest reads what comes', async () => {
      await fresh.producer.send([
        { topic, partition: 0, key: null, value: '{"type":"page","messageId":"new"}' },
      ])
      return (await ids('latest')).includes('new')
    })
    await waitUntil('since has begun', async () => (await ids('since')).includes('h2'))
    expect(new Set(await ids('latest'))).toEqual(new Set(['new']))
    expect([...new Set(await ids('since'))].sort()).toEqual(['h2', 'h3', 'new'])
  } finally {
    await fresh.close()
  }
}, 90_000)
