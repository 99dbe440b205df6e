/** One query over HTTP: read it, run it on an engine connection of its own, send the answer. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendBody, sendException, sendHead } from './answer.ts'
import type { EngineConnection } from './engine.ts'
import { preamble, quoteString, resetStatement } from './preamble.ts'
import { createBodyReader, decodedBody, STATEMENT_MAX_BYTES, type BodyReader } from './readBody.ts'
import { readRequest, type FrontRequest } from './readRequest.ts'
import { readStatement } from './readStatement.ts'
import type { Sessions } from './sessions.ts'
import type { Spool } from './spool.ts'

export interface QueryHandlerOptions {
  sessions: Sessions
  spool: Spool
  /** Checked when given; any user may come in when not. */
  credentials?: { user: string; password: string }
}

/** What a server answers with when neither the query nor the request names a format. */
const DEFAULT_FORMAT = 'TabSeparated'

/** Formats whose output is rows and nothing before, between or after: their chunks can be sent as they come. */
const ROWS_ONLY =
  /^(JSON(Compact)?(Strings)?EachRow|TabSeparated(Raw)?|TSV(Raw)?|CSV|RowBinary|TSKV|LineAsString|RawBLOB|Values)$/i

export function createQueryHandler(options: QueryHandlerOptions) {
  return async function handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    let queryId: string | undefined
    try {
      const body = decodedBody(request)
      const multipart = request.headers['content-type']?.startsWith('multipart/form-data') === true
      const fields = multipart ? await formFields(body, request.headers['content-type'] as string) : []
      const wanted = readRequest(request.method ?? 'POST', url.searchParams, request.headers, fields)
      queryId = wanted.queryId ?? randomUUID()
      checkCredentials(wanted, options.credentials)
      const reader = createBodyReader(multipart ? noBody() : body)
      const lease = options.sessions.take(wanted)
      try {
        for (const statement of preamble(wanted)) await lease.connection.run(statement, 'Null')
        await execute({
          wanted,
          queryId,
          reader,
          connection: lease.connection,
          response,
          spool: options.spool,
        })
        const reset = lease.kept ? resetStatement(wanted) : undefined
        if (reset !== undefined) await lease.connection.run(reset, 'Null')
      } finally {
        lease.release()
      }
    } catch (error) {
      request.resume()
      if (response.headersSent) response.socket?.destroy()
      else sendException(response, queryId, error)
    }
  }
}

interface Execution {
  wanted: FrontRequest
  queryId: string
  reader: BodyReader
  connection: EngineConnection
  response: ServerResponse
  spool: Spool
}

async function execute(execution: Execution): Promise<void> {
  const { wanted, reader } = execution
  const asked = wanted.query === undefined ? undefined : readStatement(wanted.query)
  if (asked?.kind === 'insert-data') {
    const inline = Buffer.from((wanted.query as string).slice(asked.dataStart), 'utf8')
    return insert(execution, asked, inline, reader.rest())
  }
  const { head, complete } = await reader.head(STATEMENT_MAX_BYTES)
  // Latin-1 keeps one character per byte, so the place where the data start is a place in the bytes.
  const inBody = wanted.query === undefined ? readStatement(head.toString('latin1')) : undefined
  if (inBody?.kind === 'insert-data') {
    const text = Buffer.from(inBody.head, 'latin1').toString('utf8')
    const tail = Buffer.from(inBody.tail, 'latin1').toString('utf8')
    return insert(execution, { head: text, tail }, head.subarray(inBody.dataStart), reader.rest())
  }
  if (!complete) {
    throw new Error(
      'Code: 223. DB::Exception: Query is too large: over 16 MiB of statement. (QUERY_IS_TOO_LARGE)',
    )
  }
  const text = [wanted.query, head.toString('utf8')]
    .filter((part) => part !== undefined && part !== '')
    .join('\n')
  return query(execution, text)
}

async function insert(
  execution: Execution,
  statement: { head: string; tail: string },
  first: Buffer,
  rest: AsyncIterable<Buffer>,
): Promise<void> {
  const { connection, spool } = execution
  const body = await spool.write(first, rest)
  try {
    if (body.bytes === 0) return await finish(execution, { elapsedNs: 0 })
    const sql = `${statement.head} FROM INFILE ${quoteString(body.path)} COMPRESSION 'none' ${statement.tail}`
    const result = await connection.run(sql, 'Null')
    const counts = { rows: result.rowsRead, bytes: result.bytesRead }
    await finish(execution, {
      readRows: counts.rows,
      readBytes: counts.bytes,
      writtenRows: counts.rows,
      writtenBytes: counts.bytes,
      elapsedNs: result.elapsedNs,
    })
  } finally {
    await body.remove()
  }
}

async function query(execution: Execution, text: string): Promise<void> {
  const { wanted, connection } = execution
  const statement = readStatement(text)
  if (statement.kind === 'several') {
    throw new Error(
      'Code: 62. DB::Exception: Syntax error (Multi-statements are not allowed). (SYNTAX_ERROR)',
    )
  }
  if (text.trim() === '')
    throw new Error('Code: 62. DB::Exception: Syntax error: Empty query. (SYNTAX_ERROR)')
  const named = statement.kind === 'query' ? statement.format : undefined
  const format = named ?? wanted.defaultFormat ?? DEFAULT_FORMAT
  if (
    statement.kind === 'query' &&
    ROWS_ONLY.test(format) &&
    !wanted.waitForEnd &&
    /^\s*(select|with)\b/i.test(text)
  ) {
    return streamRows(execution, text, format)
  }
  const result = await connection.run(text, format)
  const summary = {
    readRows: result.rowsRead,
    readBytes: result.bytesRead,
    resultRows: result.rowsRead,
    resultBytes: result.bytes.byteLength,
    elapsedNs: result.elapsedNs,
  }
  await finish(execution, summary, statement.kind === 'query' ? format : undefined, [result.bytes])
}

/** The first rows are awaited before the head, so a query that fails at once has its own status and code. */
async function streamRows(execution: Execution, text: string, format: string): Promise<void> {
  const startNs = process.hrtime.bigint()
  const chunks = execution.connection.stream(text, format)
  const first = await chunks.next()
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (first.done) return
      yield first.value
      yield* chunks
    } finally {
      await chunks.return()
    }
  }
  await finish(execution, { elapsedNs: Number(process.hrtime.bigint() - startNs) }, format, all())
}

async function finish(
  { wanted, queryId, response }: Execution,
  summary: Parameters<typeof sendHead>[2]['summary'],
  format?: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array> = [],
): Promise<void> {
  const exceptionTag = randomBytes(8).toString('hex')
  sendHead(response, wanted, { queryId, format, exceptionTag, summary })
  await sendBody(response, wanted, exceptionTag, toAsync(chunks))
}

async function* toAsync(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function* noBody(): AsyncGenerator<Buffer> {}

/** `@clickhouse/client` sends parameters that are too long for a URL as a form, with the query as a field of it. */
async function formFields(body: AsyncIterable<Buffer>, contentType: string): Promise<[string, string][]> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  const form = await new Response(Buffer.concat(chunks), {
    headers: { 'content-type': contentType },
  }).formData()
  return [...form].map(([name, value]): [string, string] => [name, typeof value === 'string' ? value : ''])
}

function checkCredentials(wanted: FrontRequest, expected: QueryHandlerOptions['credentials']): void {
  if (!expected) return
  if ((wanted.user ?? 'default') === expected.user && (wanted.password ?? '') === expected.password) return
  const user = wanted.user ?? 'default'
  throw new Error(
    `Code: 516. DB::Exception: ${user}: Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)`,
  )
}
