/** How an answer goes out: headers as a server gives them, compression, and an error in the middle of rows. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createBrotliCompress, createDeflate, createGzip, createZstdCompress } from 'node:zlib'
import type { Transform } from 'node:stream'
import { exceptionInStream, exceptionOf } from './exception.ts'
import type { FrontRequest, ResponseEncoding } from './readRequest.ts'

export interface Summary {
  readRows?: number
  readBytes?: number
  writtenRows?: number
  writtenBytes?: number
  resultRows?: number
  resultBytes?: number
  elapsedNs: number
}

export interface AnswerHead {
  queryId: string
  format: string | undefined
  exceptionTag: string
  summary: Summary
}

export function sendHead(response: ServerResponse, request: FrontRequest, head: AnswerHead): void {
  response.statusCode = 200
  response.setHeader('Content-Type', contentType(head.format))
  response.setHeader('X-ClickHouse-Server-Display-Name', 'tributary-local')
  response.setHeader('X-ClickHouse-Query-Id', head.queryId)
  response.setHeader('X-ClickHouse-Timezone', 'UTC')
  response.setHeader('X-ClickHouse-Exception-Tag', head.exceptionTag)
  if (head.format !== undefined) response.setHeader('X-ClickHouse-Format', head.format)
  const summary = summaryText(head.summary)
  if (request.progressHeaders) response.setHeader('X-ClickHouse-Progress', summary)
  response.setHeader('X-ClickHouse-Summary', summary)
  if (request.responseEncoding !== undefined) response.setHeader('Content-Encoding', request.responseEncoding)
}

export async function sendBody(
  response: ServerResponse,
  request: FrontRequest,
  exceptionTag: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const encoder = request.responseEncoding === undefined ? undefined : ENCODERS[request.responseEncoding]()
  encoder?.pipe(response)
  const out = encoder ?? response
  let gone = false
  response.on('close', () => {
    gone = true
  })
  try {
    for await (const chunk of chunks) {
      if (gone) return
      if (!out.write(chunk)) await Promise.race([once(out, 'drain'), once(response, 'close')])
    }
  } catch (error) {
    // Rows are out already, so the status stays 200: the last thing in the body is the error, between its marks.
    if (!gone) out.end(exceptionInStream(exceptionOf(error).text, exceptionTag))
    return
  }
  if (!gone) out.end()
}

export function sendException(response: ServerResponse, queryId: string | undefined, error: unknown): void {
  const { code, status, text } = exceptionOf(error)
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8')
  response.setHeader('X-ClickHouse-Exception-Code', String(code))
  if (queryId !== undefined) response.setHeader('X-ClickHouse-Query-Id', queryId)
  response.end(`${text}\n`)
}

function summaryText(summary: Summary): string {
  const text = (value: number | undefined) => String(value ?? 0)
  return JSON.stringify({
    read_rows: text(summary.readRows),
    read_bytes: text(summary.readBytes),
    written_rows: text(summary.writtenRows),
    written_bytes: text(summary.writtenBytes),
    total_rows_to_read: '0',
    result_rows: text(summary.resultRows),
    result_bytes: text(summary.resultBytes),
    elapsed_ns: text(summary.elapsedNs),
  })
}

function contentType(format: string | undefined): string {
  if (format === undefined) return 'text/plain; charset=UTF-8'
  if (/^JSON.*EachRow/.test(format)) return 'application/x-ndjson; charset=UTF-8'
  if (format.startsWith('JSON')) return 'application/json; charset=UTF-8'
  if (format.startsWith('CSV')) return 'text/csv; charset=UTF-8; header=absent'
  if (/^(RowBinary|Native|Parquet|Arrow|Avro|ORC)/.test(format)) return 'application/octet-stream'
  return 'text/tab-separated-values; charset=UTF-8'
}

const ENCODERS: Record<ResponseEncoding, () => Transform> = {
  gzip: () => createGzip({ level: 3 }),
  deflate: () => createDeflate({ level: 3 }),
  br: () => createBrotliCompress(),
  zstd: () => createZstdCompress(),
}
