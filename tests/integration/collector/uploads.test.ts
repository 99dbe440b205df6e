/**
 * Files through a collector process over the real Kafka: a verdict per line, the bytes of every line, and what an answer
 * that was cut off is worth.
 */
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import { createInterface } from 'node:readline'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { audit } from '@tributary/clickhouse-log'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { waitForValue } from '../../support/waitUntil.ts'
import { type Installation, openInstallation } from './collectorInstallation.ts'

let installation: Installation
let collector: ServiceProcess

const NDJSON = 'application/x-ndjson'
const sources = [
  { kind: 'Source', id: 'files', http: { keys: [{ kind: 'client', value: 'wk_files_1' }] } },
  {
    kind: 'Source',
    id: 'till',
    http: { keys: [{ kind: 'client', value: 'wk_till_1' }] },
    map: {
      event: { const: 'Order Completed' },
      messageId: 'receipt',
      identifiers: { user_id: 'customer' },
      properties: { total: 'total', note: 'note' },
    },
  },
]

beforeAll(async () => {
  installation = await openInstallation()
  await installation.apply(sources)
  collector = await installation.start()
}, 60_000)
afterAll(() => installation.close())

interface Verdict {
  readonly line: number
  readonly accepted: boolean
  readonly messageId: string | null
  readonly code?: string
}
type End = Readonly<Record<string, unknown>> & { readonly done: boolean }

interface Upload {
  readonly request: ClientRequest
  /** As they come; the last is added when the answer has ended. */
  readonly verdicts: Verdict[]
  readonly end: Promise<End | undefined>
}

/** An upload that is written by hand. `end` is undefined when the answer was cut off. */
function open(type: string, key: string, query = ''): Upload {
  const { http } = collector.ports()
  const request = httpRequest(`http://127.0.0.1:${http}/v1/upload${query}`, {
    method: 'POST',
    headers: { 'x-write-key': key, 'content-type': type },
  })
  request.on('error', () => undefined)
  const verdicts: Verdict[] = []
  const end = (async () => {
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    const [response] = await answered
    response.on('error', () => undefined)
    let last: End | undefined
    try {
      for await (const text of createInterface({ input: response })) {
        const said = JSON.parse(text) as Verdict | End
        if ('done' in said) last = said
        else verdicts.push(said)
      }
    } catch {
      return undefined
    }
    return last
  })()
  return { request, verdicts, end }
}

async function send(body: Buffer | string, type: string, key: string, query = '') {
  const upload = open(type, key, query)
  upload.request.end(body)
  return { verdicts: upload.verdicts, end: await upload.end }
}

const eventsOf = async (source: string) =>
  (await installation.events()).filter((event) => event.sourceId === source)
const rejectedOf = async (source: string) =>
  (await installation.rejected()).filter((each) => each.source === source)

const LINES = 3_000
const isBad = (n: number): boolean => n % 10 === 9
/** Integers beyond 2^64, escapes and keys twice: what a parser would change. */
const goodLine = (n: number, name: string): string =>
  `{"type":"track", "event":"x","messageId":"${name}-${n}","userId":"u${n}","properties":{"n":${2n ** 64n + BigInt(n)},"a":1e400,"a":"\\ud800\\u0041"}}`
const line = (n: number, name: string): string =>
  isBad(n) ? `{"type":"nonsense","messageId":"${name}-${n}","n":${n}.50}` : goodLine(n, name)
const linesOf = (name: string): string[] => Array.from({ length: LINES }, (_, n) => line(n, name))

test('NDJSON: each line has its verdict, and what is kept is what was sent to the byte', async () => {
  const lines = linesOf('ndjson')
  const { verdicts, end } = await send(gzipSync(lines.join('\r\n')), NDJSON, 'wk_files_1')
  expect(end).toMatchObject({ done: true, lines: LINES, accepted: 2_700, rejected: 300, refused: 0 })
  expect(verdicts.map((each) => [each.line, each.accepted, each.code, each.messageId])).toEqual(
    lines.map((_, n) => [n + 1, !isBad(n), isBad(n) ? 'unknown_type' : undefined, `ndjson-${n}`]),
  )
  const kept = new Map((await eventsOf('files')).map((event) => [event.messageId, event.raw.toString()]))
  expect(kept).toEqual(
    new Map(lines.flatMap((text, n) => (isBad(n) ? [] : [[`ndjson-${n}`, text] as const]))),
  )
  const inputs = (await rejectedOf('files')).map(({ input }) => Buffer.from(input, 'base64').toString())
  expect(new Set(inputs)).toEqual(new Set(lines.filter((_, n) => isBad(n))))
}, 60_000)

test('CSV: each row is kept below its header to the byte, line breaks and quotes included', async () => {
  const header = 'receipt,customer,total,note'
  const rows = ['R1,u1,12.50,"two\r\nlines, and ""quotes"""', 'R2,u2', 'R3,u3,18446744073709551616,é😀']
  const { verdicts, end } = await send([header, ...rows, ''].join('\r\n'), 'text/csv', 'wk_till_1')
  expect(end).toMatchObject({ done: true, lines: 3, accepted: 2, rejected: 1 })
  expect(verdicts.map((each) => [each.line, each.messageId, each.code])).toEqual([
    [2, 'R1', undefined],
    [4, null, 'invalid_row'],
    [5, 'R3', undefined],
  ])
  const events = await eventsOf('till')
  const raw = new Map(events.map((event) => [event.messageId, event.raw.toString()]))
  expect(raw).toEqual(
    new Map([
      ['R1', `${header}\n${rows[0]}`],
      ['R3', `${header}\n${rows[2]}`],
    ]),
  )
  expect(JSON.parse(events.find(({ messageId }) => messageId === 'R1')!.payload!.toString())).toMatchObject({
    properties: { total: '12.50', note: 'two\r\nlines, and "quotes"' },
  })
  expect((await rejectedOf('till')).map(({ input }) => Buffer.from(input, 'base64').toString())).toEqual([
    `${header}\n${rows[1]}`,
  ])
}, 60_000)

test('the books balance: every line is an event or a reject', async () => {
  const report = await waitForValue(
    'the ledger to balance',
    () => audit({ clickhouse: installation.clickhouse, prefix: installation.prefix }),
    ({ balanced, received }) => balanced && received === LINES + 3,
    { timeoutMs: 60_000, pollMs: 500 },
  )
  expect(report.figures.sources).toMatchObject([
    { source: 'files', eventOrigins: 2_700, rejectedOrigins: 300, bothOrigins: 0 },
    { source: 'till', eventOrigins: 2, rejectedOrigins: 1, bothOrigins: 0 },
  ])
}, 90_000)

test('a gzip that breaks off says so; the lines that were answered are kept', async () => {
  const whole = gzipSync(linesOf('broken').join('\n'))
  const { verdicts, end } = await send(whole.subarray(0, whole.length / 2), NDJSON, 'wk_files_1')
  expect(end).toMatchObject({ done: false, code: 'invalid_encoding', lines: verdicts.length })
  expect(verdicts.length).toBeGreaterThan(0)
  await expectKept(verdicts)
}, 60_000)

test('a collector that is told to stop says how far it came', async () => {
  const upload = await halfSent('stopped')
  const stopped = collector.stop()
  while (!upload.request.destroyed && collector.running()) {
    upload.request.write(`${line(0, 'stopped-late')}\n`)
    // oxlint-disable-next-line no-await-in-loop -- a client that goes on sending
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(await upload.end).toMatchObject({ done: false, code: 'stopping', lines: upload.verdicts.length })
  await stopped
  await collector.start()
  await expectKept(upload.verdicts)
}, 90_000)

test('kill -9: the answer is cut off, what was answered is kept, and the file sent again under its name counts once', async () => {
  const upload = await halfSent('', '?upload=july')
  await collector.kill()
  expect(await upload.end).toBeUndefined()
  await expectKept(upload.verdicts)

  await collector.start()
  const { end } = await send(nameless().join('\n'), NDJSON, 'wk_files_1', '?upload=july')
  expect(end).toMatchObject({ done: true, lines: LINES, accepted: 2_700, rejected: 300 })
  const events = (await eventsOf('files')).filter(({ raw }) => raw.includes('"nameless"'))
  expect(events.length).toBeGreaterThan(2_700)
  expect(new Set(events.map(({ messageId, anchor }) => `${messageId} ${anchor}`)).size).toBe(2_700)
}, 90_000)

const nameless = (): string[] =>
  linesOf('nameless').map((text) => text.replace(/"messageId":"(nameless)-\d+"/, '"is":"$1"'))

/** Half of a file, and the wait for its first verdicts. */
async function halfSent(name: string, query = ''): Promise<Upload> {
  const upload = open(NDJSON, 'wk_files_1', query)
  const lines = name === '' ? nameless() : linesOf(name)
  upload.request.write(`${lines.slice(0, LINES / 2).join('\n')}\n`)
  await waitForValue(
    'verdicts',
    () => Promise.resolve(upload.verdicts.length),
    (count) => count >= 500,
    { timeoutMs: 20_000 },
  )
  return upload
}

/** Every line that has a verdict is an event or a reject. */
async function expectKept(verdicts: readonly Verdict[]): Promise<void> {
  const kept = new Set([
    ...(await eventsOf('files')).map(({ messageId }) => messageId),
    ...(await rejectedOf('files')).map(({ messageId }) => messageId),
  ])
  expect(verdicts.filter(({ messageId }) => messageId !== null && !kept.has(messageId))).toEqual([])
}
