/**
 * What one HTTP request to the front asks for, read from its URL and headers as a ClickHouse server reads them.
 * Pure: nothing is executed here.
 */
import type { IncomingHttpHeaders } from 'node:http'

export interface FrontRequest {
  queryId: string | undefined
  /** The statement, or the start of it: a body follows it on a new line. */
  query: string | undefined
  database: string | undefined
  defaultFormat: string | undefined
  sessionId: string | undefined
  sessionTimeoutSeconds: number
  /** Raw (backslash-escaped) text of each `param_*`: the engine unescapes it when it reads the type. */
  parameters: Map<string, string>
  settings: Map<string, string>
  user: string | undefined
  password: string | undefined
  /** The answer may be compressed, in the best way the client accepts. */
  responseEncoding: ResponseEncoding | undefined
  progressHeaders: boolean
  /** Nothing is sent before the result is complete, so an error always has its own status. */
  waitForEnd: boolean
  readonly: boolean
}

export type ResponseEncoding = 'gzip' | 'deflate' | 'br' | 'zstd'

/** Taken by the HTTP layer itself: they are not settings of the engine. */
const HTTP_LAYER = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'session_id',
  'session_timeout',
  'session_check',
  'close_session',
  'user',
  'password',
  'quota_key',
  'role',
  'stacktrace',
  'buffer_size',
  'wait_end_of_query',
  'compress',
  'decompress',
  'client_protocol_version',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
  'enable_http_compression',
  'http_zlib_compression_level',
])

/** Real servers end an idle session after this. */
const SESSION_TIMEOUT_S = 60
/** And let a client ask for at most this. */
const SESSION_TIMEOUT_MAX_S = 3600

const ENCODINGS: readonly ResponseEncoding[] = ['zstd', 'gzip', 'br', 'deflate']

export function readRequest(
  method: string,
  search: URLSearchParams,
  headers: IncomingHttpHeaders,
  fields: Iterable<[string, string]> = [],
): FrontRequest {
  const parameters = new Map<string, string>()
  const settings = new Map<string, string>()
  const own = new Map<string, string>()
  for (const [name, value] of [...search, ...fields]) {
    if (name.startsWith('param_')) parameters.set(name.slice('param_'.length), value)
    else if (HTTP_LAYER.has(name)) own.set(name, value)
    else settings.set(name, value)
  }
  const [basicUser, basicPassword] = basic(headers.authorization)
  const compress = own.get('enable_http_compression') === '1'
  return {
    queryId: own.get('query_id'),
    query: own.get('query'),
    database: own.get('database') ?? single(headers['x-clickhouse-database']),
    defaultFormat: own.get('default_format') ?? single(headers['x-clickhouse-format']),
    sessionId: own.get('session_id'),
    sessionTimeoutSeconds: Math.min(
      Number(own.get('session_timeout') ?? SESSION_TIMEOUT_S) || SESSION_TIMEOUT_S,
      SESSION_TIMEOUT_MAX_S,
    ),
    parameters,
    settings,
    user: single(headers['x-clickhouse-user']) ?? basicUser ?? own.get('user'),
    password: single(headers['x-clickhouse-key']) ?? basicPassword ?? own.get('password'),
    responseEncoding: compress ? accepted(headers['accept-encoding']) : undefined,
    progressHeaders: own.get('send_progress_in_http_headers') === '1',
    waitForEnd: own.get('wait_end_of_query') === '1',
    readonly: method === 'GET',
  }
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

function basic(authorization: string | undefined): [string | undefined, string | undefined] {
  const encoded = /^basic\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return [undefined, undefined]
  const decoded = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  return colon === -1 ? [decoded, ''] : [decoded.slice(0, colon), decoded.slice(colon + 1)]
}

function accepted(header: string | string[] | undefined): ResponseEncoding | undefined {
  const offered = new Set(
    String(header ?? '')
      .split(',')
      .map((part) => part.split(';')[0]?.trim().toLowerCase()),
  )
  return ENCODINGS.find((encoding) => offered.has(encoding))
}
