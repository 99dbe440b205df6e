/** A request's body: decompressed, with its beginning in memory and the rest still to be read. */
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'

/** A statement must fit in here (a server's max_query_size is 262,144 bytes; migrations with long lists stay below). */
export const STATEMENT_MAX_BYTES = 16 * 1024 * 1024

export function decodedBody(request: IncomingMessage): AsyncIterable<Buffer> {
  const encoding = request.headers['content-encoding']?.toLowerCase()
  if (encoding === undefined || encoding === 'identity') return request
  const decoder = decoderOf(encoding)
  if (!decoder) {
    throw new Error(
      `Code: 48. DB::Exception: Content-Encoding '${encoding}' is not supported here. (NOT_IMPLEMENTED)`,
    )
  }
  request.on('error', (error) => decoder.destroy(error))
  request.on('close', () => {
    if (!request.complete)
      decoder.destroy(new Error('the client closed the connection before the end of its body'))
  })
  return request.pipe(decoder) as Readable
}

function decoderOf(encoding: string) {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'deflate':
      return createInflate()
    case 'br':
      return createBrotliDecompress()
    case 'zstd':
      return createZstdDecompress()
    default:
      return undefined
  }
}

export interface BodyReader {
  /** Reads until at least `bytes` are in memory or the body ends. */
  head(bytes: number): Promise<{ head: Buffer; complete: boolean }>
  /** What follows the head. */
  rest(): AsyncIterable<Buffer>
}

export function createBodyReader(source: AsyncIterable<Buffer>): BodyReader {
  const iterator = source[Symbol.asyncIterator]()
  return {
    async head(bytes) {
      const chunks: Buffer[] = []
      let size = 0
      while (size < bytes) {
        const next = await iterator.next()
        if (next.done) return { head: Buffer.concat(chunks), complete: true }
        chunks.push(next.value)
        size += next.value.length
      }
      return { head: Buffer.concat(chunks), complete: false }
    },
    rest: () => ({ [Symbol.asyncIterator]: () => iterator }),
  }
}
