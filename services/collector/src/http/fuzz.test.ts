import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  type MemoryLog,
  type TestCollector,
  createMemoryLog,
  exampleSources,
  startTestCollector,
  workspaceOf,
} from '../testing/index.ts'
import { ingestPaths } from './route.ts'

let log: MemoryLog
let collector: TestCollector

beforeAll(async () => {
  log = createMemoryLog()
  collector = await startTestCollector(log)
  collector.adopt(workspaceOf(exampleSources))
})
afterAll(() => collector.stop())

const event = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.constantFrom(
    '{"type":"page"}',
    '{"type":"track","event":"x","userId":"u1","messageId":7}',
    '{"type":"alias","previousId":1e999}',
    '{"type":"track","event":"\\ud800","traits":{"email":"a@x"}}',
    '{"type":"identify","traits":[]}',
    '{"__proto__":{"type":"page"},"type":"page","constructor":1}',
    `{"type":"page","a":${'['.repeat(40)}${']'.repeat(40)}}`,
  ),
)
const envelope = fc.record(
  { sentAt: fc.oneof(fc.string(), fc.integer(), fc.constant(null)), context: fc.jsonValue() },
  { requiredKeys: [] },
)
const batch = fc.tuple(fc.array(event, { maxLength: 20 }), envelope).map(([events, beside]) => ({
  sent: events.length,
  text: `{"batch":[${events.join(',')}]${Object.entries(beside)
    .map(([key, value]) => `,"${key}":${JSON.stringify(value)}`)
    .join('')}}`,
}))
/** A batch, and what a broken client or a hostile one makes of it. */
const body = fc.oneof(
  batch.map(({ text, sent }) => ({ bytes: Buffer.from(text), sent: sent as number | undefined })),
  batch.map(({ text, sent }) => ({ bytes: gzipSync(text), sent: sent as number | undefined })),
  fc.tuple(batch, fc.nat()).map(([{ text }, at]) => ({
    bytes: Buffer.from(text.slice(0, at % (text.length + 1))),
    sent: undefined,
  })),
  fc.tuple(batch, fc.nat(), fc.nat(255)).map(([{ text }, at, byte]) => {
    const bytes = Buffer.from(text)
    bytes[at % bytes.length] = byte
    return { bytes, sent: undefined }
  }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ bytes: Buffer.from(bytes), sent: undefined })),
)

test('whatever is sent: the answer is JSON, and every event is in exactly one of events, rejected or the caller’s error', async () => {
  await fc.assert(
    fc.asyncProperty(body, fc.constantFrom(...ingestPaths), async ({ bytes, sent }, path) => {
      const before = { events: log.records('events').length, rejected: log.records('rejected').length }
      const response = await fetch(collector.url + path, {
        method: 'POST',
        headers: { 'x-write-key': 'wk_web_1' },
        body: new Uint8Array(bytes),
      })
      const answer = (await response.json()) as {
        success: boolean
        accepted?: number
        rejected?: unknown[]
        code?: string
        message?: string
      }
      const written = {
        events: log.records('events').length - before.events,
        rejected: log.records('rejected').length - before.rejected,
      }
      const isBatch = ['/v1/batch', '/v1/b', '/v1/import'].includes(path)
      const expected =
        path === '/v1/m' || !answer.success
          ? { events: 0, rejected: 0 }
          : { events: answer.accepted, rejected: answer.rejected?.length }
      expect(written).toEqual(expected)
      const total = (answer.accepted ?? 0) + (answer.rejected?.length ?? 0)
      // What is known to be a batch of so many events, and was not refused whole, is told of to the last one.
      expect(isBatch && answer.success ? (sent ?? total) : total).toBe(total)
      expect([200, 400]).toContain(response.status)
      expect(
        response.status === 200 || (typeof answer.code === 'string' && typeof answer.message === 'string'),
      ).toBe(true)
      expect(collector.faults).toEqual([])
      expect(collector.inFlight.bytes).toBe(0)
    }),
    { numRuns: 600 },
  )
}, 60_000)
