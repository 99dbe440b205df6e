/**
 * `POST /v1/upload`: a file of any size, line by line. The answer is NDJSON and written while the file is read.
 *
 *  U1. A verdict is written only when its line is durable, as an event or as a reject. So whatever the connection does,
 *      what was answered is kept.
 *  U2. Memory does not grow with the file: lines are taken in groups, the next is read when Kafka has acknowledged the one
 *      before and the client has taken its verdicts. What an upload may hold is taken from the common budget.
 *  U3. The last line says how it ended. An answer without one was cut off.
 *  U4. A bad line never costs the others.
 */
import { type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import {
  type Header,
  type JudgedLine,
  type LostLine,
  type Row,
  type SplitLines,
  type WholeLine,
  MAX_LINE_BYTES,
  createSplitLines,
  createSplitRows,
  judgeLines,
  lineOrigin,
  readHeader,
  uploadCircumstances,
  uploadMessageId,
} from '@tributary/sources'
import { type RejectedArrival } from '@tributary/contracts'
import { type CollectorMetrics } from '../collectorMetrics.ts'
import { type Answer, type AnswerCode, answerCodes, corsHeaders, refuse } from '../http/answer.ts'
import { type InFlight } from '../http/inFlight.ts'
import { type RateLimits } from '../http/rateLimits.ts'
import { eventRecord } from '../produce/eventRecord.ts'
import { type GroupCommit, NotDurable, type WrittenPosition } from '../produce/groupCommit.ts'
import { positionToken } from '../produce/positionToken.ts'
import { rejectedRecords } from '../produce/rejectedRecords.ts'
import { type KeyHolder } from '../sources/sourceBook.ts'

/** What an upload holds at most: a line, what is joined to it, and a group with its records. */
const HELD_BYTES = 4 * MAX_LINE_BYTES
/** Lines of one produce request: their verdicts come together. */
const GROUP_LINES = 500
const GROUP_BYTES = 256 * 1024
/** Pause before a group is produced again, ms: Kafka needs seconds to elect a leader. */
const RETRY_MS = 500
/** How long the last verdicts have to reach a client that still sends, ms. */
const LINGER_MS = 1000

export interface UploadOptions {
  readonly partitions: number
  readonly epoch: number
  readonly inFlight: InFlight
  readonly groupCommit: GroupCommit
  readonly metrics: CollectorMetrics
  readonly limits: RateLimits
  readonly now: () => number
  readonly newId: () => string
  /** How long to wait for the client's next bytes, for it to take verdicts, and for Kafka, ms. */
  readonly patienceMs: number
  readonly isStopping: () => boolean
}

type Line = WholeLine | Row | LostLine

/** What an upload has come to so far. */
interface Tally {
  lines: number
  accepted: number
  rejected: number
  refused: number
  readonly positions: Map<number, number>
}

class Ended extends Error {
  readonly code: AnswerCode
  constructor(code: AnswerCode, message: string = answerCodes[code].about) {
    super(message)
    this.code = code
  }
}

/** The status of the answer, once it has been written. Refusals before the first verdict are those of any request. */
export async function answerUpload(
  request: IncomingMessage,
  response: ServerResponse,
  query: string | undefined,
  holder: KeyHolder,
  options: UploadOptions,
): Promise<Answer | { readonly streamed: true }> {
  const kind = kindOf(request.headers['content-type'])
  if (!kind) return refuse('unsupported_type')
  const { uploads } = holder.source
  if (kind === 'csv' && !uploads)
    return refuse('no_mapping', `the source ${holder.source.id} has no \`map\`: how a row becomes an event`)
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (!['gzip', 'x-gzip', 'identity', ''].includes(encoding)) return refuse('unsupported_encoding')
  if (!options.inFlight.take(HELD_BYTES)) return refuse('overloaded')

  const parameters = new URLSearchParams(query)
  const name = parameters.get('upload')
  const uploadId = options.newId()
  const circumstances = uploadCircumstances(holder.source, holder.trusted)
  const upload: Upload = {
    holder,
    kind,
    uploadId,
    circumstances,
    quiet: parameters.get('verdicts') === 'bad',
    isNamed: name !== null,
    messageIdOf: (line) => (name === null ? options.newId() : uploadMessageId(circumstances, name, line)),
    tally: { lines: 0, accepted: 0, rejected: 0, refused: 0, positions: new Map() },
  }
  const { tally } = upload
  try {
    await takeUpload(request, response, upload, options)
    await write(
      response,
      request,
      [endLine(tally, { done: true, position: token(tally, options) })],
      options.patienceMs,
    )
  } catch (error) {
    const ended = error instanceof Ended ? error : endedBy(error)
    if (!ended) throw error
    if (!response.headersSent) return refuse(ended.code, ended.message)
    const { code, message } = ended
    await write(
      response,
      request,
      [endLine(tally, { done: false, code, message })],
      options.patienceMs,
    ).catch(() => undefined)
  } finally {
    options.inFlight.release(HELD_BYTES)
  }
  response.end()
  // What is still to come of a body that is not read on would be taken for the next request; closing at once would cut
  // the last verdicts off.
  if (!request.complete) {
    request.on('error', () => undefined).resume()
    setTimeout(() => request.destroy(), LINGER_MS).unref()
  }
  return { streamed: true }
}

function endedBy(error: unknown): Ended | undefined {
  if (error instanceof NotDurable)
    return new Ended(error.reason === 'stopped' ? 'stopping' : 'unavailable', error.message)
  const code = (error as NodeJS.ErrnoException).code
  if (code?.startsWith('Z_')) return new Ended('invalid_encoding', `the body is no valid gzip (${code})`)
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE'
    ? new Ended('incomplete_body')
    : undefined
}

/** Undefined when it is neither. */
function kindOf(contentType: string | undefined): 'ndjson' | 'csv' | undefined {
  const type = contentType?.split(';', 1)[0]!.trim().toLowerCase()
  if (type === 'text/csv') return 'csv'
  return [
    'application/x-ndjson',
    'application/ndjson',
    'application/jsonl',
    'application/x-jsonlines',
  ].includes(type ?? '')
    ? 'ndjson'
    : undefined
}

interface Upload {
  readonly holder: KeyHolder
  readonly kind: 'ndjson' | 'csv'
  readonly uploadId: string
  readonly circumstances: KeyHolder['source']['circumstances']
  /** Only verdicts on lines that are no events. */
  readonly quiet: boolean
  /** Message ids come from its name and the number of the line. */
  readonly isNamed: boolean
  readonly messageIdOf: (line: number) => string
  readonly tally: Tally
}

async function takeUpload(
  request: IncomingMessage,
  response: ServerResponse,
  upload: Upload,
  options: UploadOptions,
): Promise<void> {
  const split: SplitLines<Line> =
    upload.kind === 'csv' ? createSplitRows(MAX_LINE_BYTES) : createSplitLines(MAX_LINE_BYTES)
  let header: Header | undefined
  const take = async (lines: Line[]): Promise<void> => {
    let rest = lines
    if (upload.kind === 'csv' && !header && rest.length > 0) {
      const read = readHeader(rest[0] as Row | LostLine)
      if ('problem' in read) throw new Ended('invalid_body', read.problem)
      header = read
      rest = rest.slice(1)
    }
    for (const group of groupsOf(rest)) {
      // oxlint-disable-next-line no-await-in-loop -- one group after the other bounds what is held (U2)
      await takeGroup(group, header, request, response, upload, options)
      if (options.isStopping()) throw new Ended('stopping')
    }
  }
  for await (const chunk of bodyOf(request, options.patienceMs)) {
    options.metrics.received(upload.holder.source.id, chunk.length)
    await take(split.push(chunk))
  }
  await take(split.end())
  if (upload.kind === 'csv' && !header)
    throw new Ended('invalid_body', 'there is no header: its first row names the columns')
}

/** The body as it comes, decompressed; ends with an error when the client falls silent. */
async function* bodyOf(request: IncomingMessage, patienceMs: number): AsyncGenerator<Buffer> {
  const source = request[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const next = () => within(source.next(), patienceMs, () => new Ended('request_timeout'))
  const first = await next()
  if (first.done) return
  const encoded = (request.headers['content-encoding'] ?? '').trim().toLowerCase().endsWith('gzip')
  async function* raw(): AsyncGenerator<Buffer> {
    for (let each = first; !each.done;) {
      yield each.value
      // oxlint-disable-next-line no-await-in-loop -- a stream
      each = await next()
    }
  }
  if (!encoded && !(first.value[0] === 0x1f && first.value[1] === 0x8b)) {
    yield* raw()
    return
  }
  const gunzip = createGunzip()
  const feeding = (async () => {
    for await (const chunk of raw())
      if (!gunzip.write(chunk))
        await new Promise<void>((resolve) => {
          gunzip.once('drain', resolve).once('close', resolve)
        })
    gunzip.end()
  })()
  feeding.catch((error: Error) => gunzip.destroy(error))
  yield* gunzip as AsyncIterable<Buffer>
}

function within<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function* groupsOf(lines: readonly Line[]): Generator<Line[]> {
  let group: Line[] = []
  let bytes = 0
  for (const line of lines) {
    group.push(line)
    bytes += 'bytes' in line ? line.bytes.length : 0
    if (group.length === GROUP_LINES || bytes >= GROUP_BYTES) {
      yield group
      group = []
      bytes = 0
    }
  }
  if (group.length > 0) yield group
}

async function takeGroup(
  group: readonly Line[],
  header: Header | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  upload: Upload,
  options: UploadOptions,
): Promise<void> {
  const { source } = upload.holder
  const { metrics, limits } = options
  const receivedMs = options.now()
  const whole = group.filter((line): line is WholeLine | Row => 'bytes' in line)
  const judged = judgeLines(whole, header, upload.circumstances, { ...upload, receivedMs })
  const records = judged.flatMap((each) => recordsOf(each, upload, receivedMs, options.partitions))
  limits.take(source.id, source.eventsPerSecond, judged.length)
  const positions = await untilDurable(records, options)

  const { tally } = upload
  for (const { partition, offset } of positions)
    tally.positions.set(partition, Math.max(offset, tally.positions.get(partition) ?? 0))
  tally.lines += group.length
  const verdicts: { readonly line: number; readonly text: string }[] = []
  for (const { line, verdict } of judged) {
    if ('accepted' in verdict) {
      tally.accepted++
      for (const each of verdict.ignored) metrics.ignoredIdentifier(each.type, each.reason)
      if (!upload.quiet)
        verdicts.push({
          line,
          text: JSON.stringify({ line, accepted: true, messageId: verdict.accepted.messageId }),
        })
      continue
    }
    tally.rejected++
    const { code, message, messageId = null } = verdict.rejected
    metrics.rejected(source.id, code)
    verdicts.push({ line, text: JSON.stringify({ line, accepted: false, messageId, code, message }) })
  }
  metrics.accepted(source.id, judged.filter(({ verdict }) => 'accepted' in verdict).length)
  for (const lost of group) {
    if ('bytes' in lost) continue
    tally.refused++
    const message = `the line has ${lost.lostBytes} bytes; ${MAX_LINE_BYTES} at most. Nothing of it was kept`
    const text = JSON.stringify({
      line: lost.number,
      accepted: false,
      kept: false,
      code: 'line_too_large',
      message,
    })
    verdicts.push({ line: lost.number, text })
  }
  const texts = verdicts.sort((a, b) => a.line - b.line).map(({ text }) => text)
  await write(response, request, texts, options.patienceMs)
  const wait = limits.wait(source.id, source.eventsPerSecond)
  // A file is slowed down rather than refused: the socket is not read meanwhile.
  if (wait > 0) await sleep(wait * 1000)
}

function recordsOf(
  { line, input, verdict }: JudgedLine,
  upload: Upload,
  receivedMs: number,
  partitions: number,
) {
  if ('accepted' in verdict) return [eventRecord(verdict.accepted, partitions)]
  const origin = lineOrigin(upload.uploadId, line)
  const source = upload.holder.source.id
  const arrival: RejectedArrival = {
    as: upload.kind === 'csv' ? 'row' : 'line',
    trusted: upload.holder.trusted,
    ...(upload.isNamed && { messageId: upload.messageIdOf(line) }),
  }
  return rejectedRecords(
    { source, rejection: verdict.rejected, input, origin, receivedMs, arrival },
    partitions,
  )
}

/** While Kafka does not acknowledge, the same records again: they have the same message ids. */
async function untilDurable(
  records: Parameters<GroupCommit['submit']>[0],
  { groupCommit, patienceMs, isStopping }: UploadOptions,
): Promise<WrittenPosition[]> {
  const until = performance.now() + patienceMs
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- again, until it is durable
      return await groupCommit.submit(records)
    } catch (error) {
      const again = error instanceof NotDurable && error.reason !== 'stopped' && !isStopping()
      if (!again || performance.now() > until) throw error
      // oxlint-disable-next-line no-await-in-loop -- the pause between two tries
      await sleep(RETRY_MS)
    }
  }
}

function token({ positions }: Tally, { epoch }: UploadOptions): string {
  return positionToken(
    epoch,
    [...positions].map(([partition, offset]) => ({ partition, offset })),
  )
}

function endLine({ lines, accepted, rejected, refused }: Tally, how: object): string {
  return JSON.stringify({ ...how, lines, accepted, rejected, refused })
}

/** Resolves when the client has taken them; it is given up when it does not (U2). */
async function write(
  response: ServerResponse,
  request: IncomingMessage,
  lines: readonly string[],
  patienceMs: number,
): Promise<void> {
  if (lines.length === 0) return
  if (response.destroyed) throw new Ended('incomplete_body')
  if (!response.headersSent)
    response.writeHead(200, { 'content-type': 'application/x-ndjson', ...corsHeaders(request.headers) })
  if (response.write(`${lines.join('\n')}\n`)) return
  const drained = new Promise<void>((resolve, reject) => {
    response.once('drain', resolve).once('close', () => reject(new Ended('incomplete_body')))
  })
  await within(drained, patienceMs, () => new Ended('request_timeout', 'the verdicts are not read'))
}
