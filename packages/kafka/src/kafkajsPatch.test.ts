/** What patches/kafkajs@2.2.4.patch repairs. Each of these fails on kafkajs as it is published. */
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'

const require = createRequire(import.meta.url)

interface Encoder {
  readonly buffer: Buffer
  writeInt64(value: string | number): Encoder
}
const Encoder = require('kafkajs/src/protocol/encoder') as new () => Encoder
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => object
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => Encoder
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: (batch: object) => Promise<Encoder>
}
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<{
  records: {
    offset: string
    isControlRecord: boolean
    key: Buffer | null
    headers: Record<string, Buffer | Buffer[]>
  }[]
}>

async function decoded(batch: object) {
  const { records } = await decodeBatch(new Decoder((await RecordBatch(batch)).buffer))
  return records.map(({ offset, isControlRecord }) => ({ offset, isControlRecord }))
}

function recordAt(offsetDelta: number) {
  return encodeRecord({ offsetDelta, timestampDelta: 0, key: 'k', value: 'v' })
}

test('a batch that compaction has emptied is passed: its last offset is handed on', async () => {
  expect(await decoded({ firstOffset: 40, lastOffsetDelta: 4, records: [] })).toEqual([
    { offset: '44', isControlRecord: true },
  ])
})

test('a batch whose last records are gone is passed as a whole', async () => {
  expect(await decoded({ firstOffset: 40, lastOffsetDelta: 4, records: [recordAt(1)] })).toEqual([
    { offset: '41', isControlRecord: false },
    { offset: '44', isControlRecord: true },
  ])
})

test('a whole batch has nothing added', async () => {
  expect(await decoded({ firstOffset: 40, lastOffsetDelta: 1, records: [recordAt(0), recordAt(1)] })).toEqual(
    [
      { offset: '40', isControlRecord: false },
      { offset: '41', isControlRecord: false },
    ],
  )
})

test('a header is kept whatever its name, and all values of a name that is there twice', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'length', 'plain']
  const headers = Object.fromEntries(names.map((name) => [name, [`${name} 1`, `${name} 2`]]))
  const record = encodeRecord({ offsetDelta: 0, timestampDelta: 0, key: 'k', value: 'v', headers })
  const once = encodeRecord({
    offsetDelta: 1,
    timestampDelta: 0,
    key: 'k',
    value: 'v',
    headers: Object.fromEntries(names.map((name) => [name, name])),
  })
  const batch = await RecordBatch({ firstOffset: 0, lastOffsetDelta: 1, records: [record, once] })
  const { records } = await decodeBatch(new Decoder(batch.buffer))
  const text = (value: Buffer | Buffer[]) => (Array.isArray(value) ? value.map(String) : String(value))
  expect(
    records.map((each) => Object.entries(each.headers).map(([name, value]) => [name, text(value)])),
  ).toEqual([names.map((name) => [name, [`${name} 1`, `${name} 2`]]), names.map((name) => [name, name])])
})

test('an idle request queue sets no timers, and none to a time in the past', async () => {
  const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => {
    checkPendingRequests(): void
    destroy(): void
    throttleCheckTimeoutId: unknown
  }
  const warnings: string[] = []
  const onWarning = (warning: Error) => void warnings.push(warning.name)
  process.on('warning', onWarning)
  const debug = () => {}
  const queue = new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: 'test',
    broker: 'none',
    logger: { debug, warn: debug },
  })
  queue.checkPendingRequests()
  expect(queue.throttleCheckTimeoutId).toBeNull()
  await sleep(20)
  queue.destroy()
  process.off('warning', onWarning)
  expect(warnings.filter((name) => name === 'TimeoutNegativeWarning')).toEqual([])
})

test('a request is one buffer of its size, and a body with room before it stays where it is', async () => {
  const createRequest = require('kafkajs/src/protocol/request') as (
    request: object,
  ) => Promise<{ buffer: Buffer }>
  const wanted = '0000000f 0000 0007 00000005 0003 616263 6869'.replaceAll(' ', '')
  const head = { correlationId: 5, clientId: 'abc' }
  const request = { apiKey: 0, apiVersion: 7 }
  const body = Buffer.from('hi')
  const copied = await createRequest({ ...head, request: { ...request, encode: () => ({ buffer: body }) } })
  expect(copied.buffer.toString('hex')).toBe(wanted)
  const whole = Buffer.from('..........................hi')
  const roomy = { buffer: whole.subarray(26), headroom: whole.subarray(0, 26) }
  const placed = await createRequest({ ...head, request: { ...request, encode: () => roomy } })
  expect(placed.buffer.toString('hex')).toBe(wanted)
  expect(placed.buffer.buffer).toBe(whole.buffer)
  const tight = { buffer: body, headroom: Buffer.alloc(3) }
  const fallback = await createRequest({ ...head, request: { ...request, encode: () => tight } })
  expect(fallback.buffer.toString('hex')).toBe(wanted)
})
