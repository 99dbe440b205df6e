/**
 * The body of a request, whole, decompressed, within its limits.
 *
 *  R1. Never more than `maxBytes` are held for one body, compressed or not; a bomb stops at the limit.
 *  R2. Every byte held is taken from the common budget first and given back by the caller's `release`.
 *  R3. The content type says nothing: real clients send JSON as text/plain and as form data. Compression is told by
 *      the header or by the first two bytes.
 *  R4. The bytes that `use` is given may lie in memory that the next body is put into: nothing may keep them past its
 *      return. What came from the wire is given back at once. Both because buffers outside the heap,
 *      left to the collector of garbage, make it run five times a second at 50,000 events a second.
 */
import { type IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, gunzipSync } from 'node:zlib'
import { type Answer, refuse } from './answer.ts'
import { type InFlight } from './inFlight.ts'

const gunzipInPool = promisify(gunzip)

/** Decompressing so little takes less than handing it to another thread, even for a bomb that stops at the limit. */
const SYNC_GUNZIP_BYTES = 32 * 1024

/** Larger bodies get memory of their own. */
const SCRATCH_BYTES = 1024 * 1024
/** Less is not worth the call, bytes. */
const GIVE_BACK_BYTES = 4 * 1024
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

export interface ReadOptions {
  readonly maxBytes: number
  readonly inFlight: InFlight
  /** Grows by what was taken from the budget. */
  readonly held: { bytes: number }
}

const ENCODINGS: ReadonlySet<string> = new Set(['gzip', 'x-gzip', 'identity', ''])

/** Resolves with what `use` makes of the bytes (R4), or with the answer that refuses them. */
export function readRequestBody<T>(
  request: IncomingMessage,
  options: ReadOptions,
  use: (bytes: Buffer) => T,
): Promise<T | Answer> {
  const { maxBytes, inFlight, held } = options
  const encoding = request.headers['content-encoding']?.trim().toLowerCase()
  if (encoding !== undefined && !ENCODINGS.has(encoding))
    return Promise.resolve(refuse('unsupported_encoding'))
  const stated = Number(request.headers['content-length'] ?? 0)
  if (stated > maxBytes || !inFlight.take(stated)) {
    throwAway(request)
    return Promise.resolve(stated > maxBytes ? bodyTooLarge(maxBytes) : refuse('overloaded'))
  }
  held.bytes += stated

  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let settled = false
    const refuseWith = (answer: Answer): void => {
      if (settled) return
      settled = true
      for (const chunk of chunks) giveBack(chunk)
      resolve(answer)
    }
    // What else comes of a refused body is given back as it comes, for as long as a request may take: closing now would cut
    // off the answer as well. The listeners stay to the end: to take them off costs as much as all they do.
    request.on('data', (chunk: Buffer) => {
      if (settled) return giveBack(chunk)
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > maxBytes) return refuseWith(bodyTooLarge(maxBytes))
      const beyond = Math.min(chunk.length, bytes - stated)
      if (beyond <= 0) return
      if (!inFlight.take(beyond)) return refuseWith(refuse('overloaded'))
      held.bytes += beyond
    })
    request.on('end', () => {
      if (settled) return
      settled = true
      const first = chunks[0]
      if (encoding?.endsWith('gzip') || (first && isGzip(first, chunks[1])))
        decompress(Buffer.concat(chunks), options, use).then(resolve, reject)
      else
        afterTurn(() => {
          try {
            resolve(use(joined(chunks)))
          } catch (error) {
            reject(error)
          }
        })
    })
    const onBroken = (): void => refuseWith(refuse('incomplete_body'))
    request.on('error', onBroken).on('close', onBroken)
  })
}

let waiting: (() => void)[] = []

/**
 * Once everything has been read that is there to read. Bodies that came together are then judged one after the other, with
 * the code for it and what it remembers at hand in the processor, instead of each between two reads of a socket. Nobody waits
 * longer: the records of all of them leave together, and not before.
 */
function afterTurn(go: () => void): void {
  if (waiting.push(go) > 1) return
  setImmediate(() => {
    const all = waiting
    waiting = []
    for (const each of all) each()
  })
}

function isGzip(first: Buffer, second: Buffer | undefined): boolean {
  return first[0] === 0x1f && (first.length > 1 ? first[1] : second?.[0]) === 0x8b
}

function joined(chunks: readonly Buffer[]): Buffer {
  if (chunks.length === 1 && chunks[0]!.length < GIVE_BACK_BYTES) return chunks[0]!
  let bytes = 0
  for (const chunk of chunks) bytes += chunk.length
  const into = bytes <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafe(bytes)
  let at = 0
  for (const chunk of chunks) {
    into.set(chunk, at)
    at += chunk.length
    giveBack(chunk)
  }
  return into.subarray(0, bytes)
}

/** Reads what is left of a refused body, and keeps nothing of it. */
function throwAway(request: IncomingMessage): void {
  request.on('error', () => undefined).on('data', giveBack)
}

/** Node's parser gives each chunk a buffer of its own; one out of a pool is left alone. */
function giveBack(chunk: Buffer): void {
  if (chunk.length >= GIVE_BACK_BYTES && chunk.buffer.byteLength === chunk.length)
    (chunk.buffer as ArrayBuffer).transfer(0)
}

async function decompress<T>(
  body: Buffer,
  { maxBytes, inFlight, held }: ReadOptions,
  use: (bytes: Buffer) => T,
): Promise<T | Answer> {
  let text: Buffer
  try {
    const limit = { maxOutputLength: maxBytes }
    text = body.length <= SYNC_GUNZIP_BYTES ? gunzipSync(body, limit) : await gunzipInPool(body, limit)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ERR_BUFFER_TOO_LARGE') return bodyTooLarge(maxBytes)
    return refuse('invalid_encoding', `the body is no valid gzip (${code ?? 'unknown'})`)
  }
  if (!inFlight.take(text.length)) return refuse('overloaded')
  held.bytes += text.length
  return use(text)
}

function bodyTooLarge(maxBytes: number): Answer {
  return refuse(
    'body_too_large',
    `a body has ${maxBytes} bytes at most, after decompression; send smaller batches`,
  )
}
