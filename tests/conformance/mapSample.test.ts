/** `tributary map` shows what a collector does: both are given the same lines. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { run } from '@tributary/cli'
import {
  type TestCollector,
  createMemoryLog,
  startTestCollector,
  workspaceOf,
} from '@tributary/collector/testing'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { admitRecord } from '@tributary/domain'
import fc from 'fast-check'
import { buildSourceBook } from '../../services/collector/src/sources/sourceBook.ts'
import { testPorts } from '../../services/collector/src/testing/testCollector.ts'
import { sources as tables } from '../debezium/changes.ts'
import { type RecordedMessage } from '../debezium/recordedMessages.ts'

const documents = [
  { kind: 'Workspace', id: 'shop', schema: 'tributary/v1', region: 'FR', timeZone: 'Europe/Paris' },
  { kind: 'Source', id: 'web', http: { keys: [{ kind: 'client', value: 'wk_web_1' }] } },
  {
    kind: 'Source',
    id: 'till',
    http: { keys: [{ kind: 'client', value: 'wk_till_1' }] },
    map: {
      event: { const: 'Bought' },
      time: 'at',
      identifiers: { email: 'email' },
      properties: { total: 'total' },
    },
  },
  ...tables,
]

interface Shown {
  readonly line: number
  readonly verdict: string
  readonly code?: string
  readonly messageId: string | null
  readonly [key: string]: unknown
}

let folder: string
let collector: TestCollector
const log = createMemoryLog()
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-map-'))
  // JSON is YAML.
  writeFileSync(join(folder, 'all.yaml'), documents.map((each) => JSON.stringify(each)).join('\n---\n'))
  collector = await startTestCollector(log)
  collector.adopt(workspaceOf(documents))
})
afterAll(async () => {
  await collector.stop()
  rmSync(folder, { recursive: true })
})

async function map(source: string, sample: string, ...flags: string[]): Promise<Shown[]> {
  writeFileSync(join(folder, 'sample'), sample)
  const lines: string[] = []
  await run(['map', 'all.yaml', '--source', source, '--sample', 'sample', '--json', ...flags], {
    env: {},
    cwd: folder,
    colour: false,
    now: Date.now,
    user: 'ada',
    out: (text) => lines.push(text),
    err: (text) => lines.push(text),
    interrupted: new AbortController().signal,
  })
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Shown)
}

const value = fc.oneof(
  fc.constantFrom(
    '"Ada@Example.com"',
    '"null"',
    '""',
    '12345678901234567890',
    '1.5',
    'null',
    '{}',
    '[1]',
    'true',
  ),
  fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text)),
)
const key = fc.constantFrom(
  'type',
  'event',
  'userId',
  'email',
  'total',
  'at',
  'messageId',
  'properties',
  'groupId',
  'timestamp',
)
const json = fc.oneof(
  {
    arbitrary: fc
      .array(
        fc.tuple(
          key,
          fc.oneof(value, fc.constantFrom('"track"', '"page"', '"group"', '"2026-03-29T02:30:00"')),
        ),
        { maxLength: 6 },
      )
      .map((members) => `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`),
    weight: 5,
  },
  { arbitrary: fc.constantFrom('', ' ', '{', '[]', '"x"', '{"a":1}x'), weight: 1 },
)
const cell = fc.constantFrom('', 'ada@example.com', '"a,b"', '12', '"', 'x y')
const row = fc.array(cell, { minLength: 1, maxLength: 4 }).map((cells) => cells.join(','))

test('an uploaded file of whatever lines: map foretells each verdict, code, message id and event', async () => {
  const file = fc.oneof(
    fc.record({
      source: fc.constantFrom('web', 'till'),
      type: fc.constant('ndjson'),
      lines: fc.array(json, { maxLength: 8 }),
    }),
    fc.record({
      source: fc.constant('till'),
      type: fc.constant('csv'),
      lines: fc.array(row, { maxLength: 8 }).map((rows) => ['email,total,at', ...rows]),
    }),
  )
  await fc.assert(
    fc.asyncProperty(file, async ({ source, type, lines }) => {
      const text = lines.join('\n')
      const foretold = await map(source, text, '--format', type, '--upload', 'july')
      const before = log.records('events').length
      const answer = await fetch(`${collector.url}/v1/upload?upload=july`, {
        method: 'POST',
        headers: {
          'x-write-key': `wk_${source}_1`,
          'content-type': type === 'csv' ? 'text/csv' : 'application/x-ndjson',
        },
        body: text,
      })
      const told = (await answer.text())
        .trim()
        .split('\n')
        .slice(0, -1)
        .map(
          (line) =>
            JSON.parse(line) as { line: number; accepted: boolean; messageId: string | null; code?: string },
        )
      expect(
        foretold.map((each) => [each.line, each.verdict === 'accepted', each.messageId, each.code]),
      ).toEqual(told.map((each) => [each.line, each.accepted, each.messageId, each.code]))
      const events = log
        .records('events')
        .slice(before)
        .flatMap((record) => {
          const inner = EventRecord.decode(record.value).record
          return inner?.$case === 'event' ? [inner.value] : []
        })
      expect(
        foretold
          .filter((each) => each.verdict === 'accepted')
          .map(({ name, identifiers, event }) => ({ name, identifiers, event })),
      ).toEqual(
        events.map(({ name, identifiers, payload, raw }) => ({
          name,
          identifiers: identifiers.map(({ type: kind, value: text2 }) => ({ type: kind, value: text2 })),
          event: JSON.parse(Buffer.from(payload ?? raw).toString()) as unknown,
        })),
      )
    }),
    { numRuns: 60 },
  )
}, 60_000)

test('what Debezium wrote, as kcat prints it: the same verdicts and message ids as from Kafka', async () => {
  const messages = readFileSync(new URL('../debezium/fixtures/messages.ndjson', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RecordedMessage)
  const book = buildSourceBook(workspaceOf(documents), testPorts)
  for (const source of book.kafka) {
    const own = messages.filter(({ topic }) => topic === source.topic)
    expect(own.length).toBeGreaterThan(5)
    const printed = own.map(({ timestampMs: ts, value: payload, ...rest }) =>
      JSON.stringify({ ...rest, ts, payload }),
    )
    // oxlint-disable-next-line no-await-in-loop -- one file after the other
    const shown = await map(source.id, printed.join('\n'), '--format', 'kcat')
    const judged = own.map((each) => {
      const bytes = (text: string | null) => (text === null ? null : Buffer.from(text))
      const verdict = admitRecord(
        { ...each, key: bytes(each.key), value: bytes(each.value) },
        source.circumstances,
      )
      return 'accepted' in verdict ? verdict.accepted.messageId : verdict.rejected.code
    })
    expect(shown.map((each) => each.code ?? each.messageId)).toEqual(judged)
  }
})
