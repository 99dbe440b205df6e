/**
 * The body of a request, whole, decompressed, within its limits.
 *
 *  R1. Never more than `maxBytes` are held for one body, compressed or not; a bomb stops at the limit.
 *  R2. Every byte held is taken from the common budget first and given back by the caller's `release`.
 *  R3. The content type says nothing: real clients send JSON as text/plain and as form data. Compression is told by
 *      the header or by the first two bytes.
 *  R4. `bytes` may be a view of memory that the next body is put into: nothing may keep it past the turn of the loop in
 *      which it was asked for. What came from the wire is given back at once. Both because buffers outside the heap,
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

export interface RequestBody {
  /** All of it, once (R4). */
  bytes(): Buffer
}

export type ReadBody = { readonly body: RequestBody } | { readonly refused: Answer }

/** `held.bytes` grows by what was taken from the budget. */
export async function readRequestBody(
  request: IncomingMessage,
  options: { readonly maxBytes: number; readonly inFlight: InFlight; readonly held: { bytes: number } },
): Promise<ReadBody> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (!['gzip', 'x-gzip', 'identity', ''].includes(encoding))
    return { refused: refuse('unsupported_encoding') }
  const received = await collect(request, options)
  if ('refused' in received) return received
  const { chunks } = received
  const first = chunks[0]
  const gzipped = encoding.endsWith('gzip') || (first && isGzip(first, chunks[1]))
  return gzipped ? decompress(Buffer.concat(chunks), options) : { body: { bytes: () => joined(chunks) } }
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

interface Collected {
  readonly chunks: Buffer[]
}

function collect(
  request: IncomingMessage,
  options: { readonly maxBytes: number; readonly inFlight: InFlight; readonly held: { bytes: number } },
): Promise<Collected | { readonly refused: Answer }> {
  const { maxBytes, inFlight, held } = options
  const tooLarge = () => ({ refused: bodyTooLarge(maxBytes) })
  const overloaded = () => ({ refused: refuse('overloaded') })
  const stated = Number(request.headers['content-length'] ?? 0)
  if (stated > maxBytes || !inFlight.take(stated)) {
    throwAway(request)
    return Promise.resolve(stated > maxBytes ? tooLarge() : overloaded())
  }
  held.bytes += stated

  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length
      const beyond = Math.min(chunk.length, bytes - stated)
      if (bytes > maxBytes) return finish(tooLarge())
      if (beyond > 0) {
        if (!inFlight.take(beyond)) return finish(overloaded())
        held.bytes += beyond
      }
      chunks.push(chunk)
    }
    const onEnd = (): void => finish({ chunks })
    const onBroken = (): void => finish({ refused: refuse('incomplete_body') })
    const finish = (outcome: Collected | { readonly refused: Answer }): void => {
      request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
      // What else comes of this body is thrown away, for as long as a request may take: closing now would cut off
      // the answer as well. A late error has somebody to hear it.
      if ('refused' in outcome) {
        for (const chunk of chunks) giveBack(chunk)
        throwAway(request)
      }
      resolve(outcome)
    }
    request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
  })
}

async function decompress(
  body: Buffer,
  { maxBytes, inFlight, held }: { maxBytes: number; inFlight: InFlight; held: { bytes: number } },
): Promise<ReadBody> {
  let text: Buffer
  try {
    const limit = { maxOutputLength: maxBytes }
    text = body.length <= SYNC_GUNZIP_BYTES ? gunzipSync(body, limit) : await gunzipInPool(body, limit)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ERR_BUFFER_TOO_LARGE') return { refused: bodyTooLarge(maxBytes) }
    return { refused: refuse('invalid_encoding', `the body is no valid gzip (${code ?? 'unknown'})`) }
  }
  if (!inFlight.take(text.length)) return { refused: refuse('overloaded') }
  held.bytes += text.length
  return { body: { bytes: () => text } }
}

function bodyTooLarge(maxBytes: number): Answer {
  return refuse(
    'body_too_large',
    `a body has ${maxBytes} bytes at most, after decompression; send smaller batches`,
  )
}
