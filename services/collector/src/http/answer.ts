/**
 * What the collector says. Only 200 means that anything was kept; everything else is for the client to send again
 * (429, 503) or to repair (the rest). Every answer is JSON and carries the CORS headers, or a browser could not read
 * it.
 */
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'

/** Every code of an answer that is not 200, with its status. Stable and public. */
export const answerCodes = {
  invalid_json: { status: 400, about: 'The body is no valid JSON.' },
  invalid_body: { status: 400, about: 'The body is JSON, but no event or batch.' },
  invalid_encoding: { status: 400, about: 'The body cannot be decompressed.' },
  incomplete_body: { status: 400, about: 'The connection ended before the body did.' },
  missing_key: { status: 401, about: 'No write key was found in the request.' },
  unknown_key: { status: 401, about: 'The write key belongs to no source.' },
  missing_signature: { status: 401, about: 'The delivery of a webhook is not signed.' },
  invalid_signature: { status: 401, about: 'The signature is of none of the secrets of the source.' },
  stale_delivery: { status: 401, about: 'The delivery was signed too long ago, or its clock is ahead.' },
  origin_not_allowed: { status: 403, about: 'The source does not take events from pages of this origin.' },
  source_disabled: { status: 403, about: 'The source is switched off.' },
  not_found: { status: 404, about: 'There is no such path.' },
  method_not_allowed: { status: 405, about: 'The path is there for another method.' },
  invalid_request: { status: 400, about: 'What was sent is no HTTP request.' },
  request_timeout: { status: 408, about: 'The request did not end in time.' },
  headers_too_large: { status: 431, about: 'The headers are larger than 16 KiB.' },
  body_too_large: { status: 413, about: 'The body is larger than the limit, before or after decompression.' },
  too_many_events: { status: 413, about: 'The batch has more than four times the events that are taken.' },
  rate_limited: {
    status: 429,
    about: 'The source sends more events a second than it may; send again after Retry-After seconds.',
  },
  unsupported_encoding: { status: 415, about: 'The Content-Encoding is neither gzip nor identity.' },
  unsupported_type: {
    status: 415,
    about: 'An upload is application/x-ndjson or text/csv; that is what Content-Type has to say.',
  },
  no_mapping: { status: 400, about: 'A CSV is uploaded to a source that has no `map`.' },
  overloaded: { status: 503, about: 'Too many bytes are in flight; send again after Retry-After seconds.' },
  unavailable: { status: 503, about: 'Kafka has not acknowledged; send again after Retry-After seconds.' },
  starting: {
    status: 503,
    about: 'The collector does not know its sources yet; send again after Retry-After seconds.',
  },
  stopping: { status: 503, about: 'This instance is stopping; send again after Retry-After seconds.' },
  internal_error: { status: 500, about: 'A fault of the collector; nothing can be said about the events.' },
} as const satisfies Record<string, { status: number; about: string }>

export type AnswerCode = keyof typeof answerCodes

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers?: OutgoingHttpHeaders
}

/** Whole seconds, as Retry-After has to be: SDKs read it with parseInt. */
const RETRY_AFTER_SECONDS: Partial<Record<AnswerCode, number>> = {
  overloaded: 1,
  unavailable: 5,
  starting: 2,
  stopping: 1,
}

export function refuse(
  code: AnswerCode,
  message: string = answerCodes[code].about,
  retryAfter: number | undefined = RETRY_AFTER_SECONDS[code],
): Answer {
  return {
    status: answerCodes[code].status,
    body: JSON.stringify({ success: false, code, message }),
    ...(retryAfter !== undefined && { headers: { 'retry-after': String(retryAfter) } }),
  }
}

/** What went wrong before there was a request, or while its body was awaited. */
export function wireFault(code: string | undefined): AnswerCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout'
  return code === 'HPE_HEADER_OVERFLOW' ? 'headers_too_large' : 'invalid_request'
}

export interface RejectedItem {
  readonly index: number
  /** Null when it could not be read. */
  readonly messageId: string | null
  readonly code: string
  readonly message: string
}

/** Everything that was accepted or rejected is durable. */
export function accept(accepted: number, rejected: readonly RejectedItem[], position: string): Answer {
  // The position is of letters, digits, - and _: there is nothing to escape.
  const body =
    rejected.length === 0
      ? `{"success":true,"accepted":${accepted},"rejected":[],"position":"${position}"}`
      : JSON.stringify({ success: true, accepted, rejected, position })
  return { status: 200, body }
}

/** One that is missing here costs a browser the whole request: RudderStack's SDK adds its rsa- headers to every retry. */
const ALLOW_HEADERS =
  'authorization, content-type, x-retry-count, x-write-key, anonymousid, sentat, x-enable-debug, x-ip-policy, ' +
  'rsa-retry-attempt, rsa-retry-reason, rsa-since-first-attempt, rsa-since-last-attempt, rsa-recovered'
/** Without it a page's script does not see how long it should wait. */
const EXPOSE_HEADERS = 'retry-after'
/** A day: what browsers remember at most is less, and each path costs a preflight of its own. */
const MAX_AGE_SECONDS = '86400'

/**
 * Any page may read the answers: they say nothing that the page did not send. Which origins may send is decided by
 * the source, once its key is known.
 */
export function corsHeaders(request: IncomingHttpHeaders): OutgoingHttpHeaders {
  const { origin } = request
  const exposed = { 'access-control-expose-headers': EXPOSE_HEADERS }
  if (origin === undefined) return { 'access-control-allow-origin': '*', ...exposed }
  // Beacons are sent with credentials, and then "*" is not enough.
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    ...exposed,
    vary: 'Origin',
  }
}

export function preflight(request: IncomingHttpHeaders): { status: number; headers: OutgoingHttpHeaders } {
  return {
    status: 204,
    headers: {
      ...corsHeaders(request),
      'access-control-allow-methods': 'GET, POST, OPTIONS',
      'access-control-allow-headers': ALLOW_HEADERS,
      'access-control-max-age': MAX_AGE_SECONDS,
    },
  }
}

/** Names and values in turns, as Node takes them without looking for one twice. */
function usualHeaders(length: number): string[] {
  return [
    'content-type',
    'application/json',
    'content-length',
    String(length),
    'access-control-allow-origin',
    '*',
    'access-control-expose-headers',
    EXPOSE_HEADERS,
  ]
}

export function send(
  response: ServerResponse,
  request: IncomingHttpHeaders,
  answer: Answer,
  options: { readonly close: boolean },
): void {
  const length = Buffer.byteLength(answer.body)
  if (request.origin === undefined && !answer.headers && !options.close)
    response.writeHead(answer.status, usualHeaders(length))
  else
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'content-length': length,
      ...corsHeaders(request),
      ...answer.headers,
      ...(options.close && { connection: 'close' }),
    })
  response.end(answer.body)
}
