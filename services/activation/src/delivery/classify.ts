/**
 * What an answer means for the item and for its destination. Pure; one table.
 *
 * | class       | meaning                                           | effect                                        |
 * |-------------|---------------------------------------------------|-----------------------------------------------|
 * | delivered   | the destination has it                            | the next one of this profile                  |
 * | retry       | may work later                                    | this profile waits by the back-off, others go |
 * | wait        | the destination asks for time                     | the whole destination waits, no try is spent  |
 * | item        | this item will never work                         | dead letter, the next one of this profile     |
 * | pause       | nothing works until somebody changes something    | the destination is paused, and probed         |
 * | disable     | the destination says it is gone                   | disabled until its document changes           |
 */
export type Verdict = 'delivered' | 'retry' | 'wait' | 'item' | 'pause' | 'disable'

export type FailureCode =
  | 'TIMEOUT'
  | 'CONNECTION_FAILED'
  | 'NAME_NOT_FOUND'
  | 'TLS_FAILED'
  /** The address is private, link-local or otherwise not allowed for this destination. */
  | 'ADDRESS_REFUSED'
  | 'URL_INVALID'
  /** Of a Kafka topic. */
  | 'TOPIC_MISSING'
  | 'NOT_AUTHORISED'
  | 'RECORD_TOO_LARGE'
  | 'BROKER_UNAVAILABLE'
  /** Of a database. */
  | 'DATABASE_UNAVAILABLE'
  | 'DATABASE_REFUSED'
  | 'ROW_REFUSED'
  /** Another instance sends to it now. */
  | 'OWNER_MOVED'

/** What came of one try. */
export type Answer =
  /** The destination has it. */
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'status'
      readonly status: number
      readonly retryAfterMs?: number
      /** Where a recipe says that the status means something else than usual. */
      readonly verdict?: Verdict
    }
  | { readonly kind: 'failure'; readonly code: FailureCode; readonly message: string }

export interface Classified {
  readonly verdict: Verdict
  /** Stable, for machines: "HTTP_503". */
  readonly code: string
  /** For people; never a personal value or anything the receiver wrote. */
  readonly message: string
  readonly retryAfterMs?: number
}

/** Statuses that are not what their hundred says. */
const BY_STATUS: Readonly<Record<number, Verdict>> = {
  401: 'pause',
  402: 'pause',
  403: 'pause',
  404: 'pause',
  405: 'pause',
  407: 'pause',
  408: 'retry',
  410: 'disable',
  421: 'retry',
  423: 'retry',
  425: 'retry',
  429: 'wait',
}

const BY_FAILURE: Readonly<Record<FailureCode, Verdict>> = {
  TIMEOUT: 'retry',
  CONNECTION_FAILED: 'retry',
  NAME_NOT_FOUND: 'retry',
  TLS_FAILED: 'retry',
  ADDRESS_REFUSED: 'pause',
  URL_INVALID: 'pause',
  TOPIC_MISSING: 'pause',
  NOT_AUTHORISED: 'pause',
  RECORD_TOO_LARGE: 'item',
  BROKER_UNAVAILABLE: 'retry',
  DATABASE_UNAVAILABLE: 'retry',
  DATABASE_REFUSED: 'pause',
  ROW_REFUSED: 'item',
  OWNER_MOVED: 'retry',
}

/** What 429 without Retry-After means: a minute is the window most services count in. */
const WAIT_MS = 60_000
/** More than a day of silence is not asked for by any service we know; it would hide a mistake. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000

export function classify(answer: Answer): Classified {
  if (answer.kind === 'accepted') return { verdict: 'delivered', code: 'ACCEPTED', message: 'it was taken' }
  if (answer.kind === 'failure') {
    return { verdict: BY_FAILURE[answer.code], code: answer.code, message: answer.message }
  }
  const { status } = answer
  const code = `HTTP_${status}`
  const verdict = answer.verdict ?? verdictOf(status, answer.retryAfterMs)
  const message = `the destination answered ${status}${MEANING[verdict]}`
  const asked = answer.retryAfterMs ?? (verdict === 'wait' ? WAIT_MS : undefined)
  return asked === undefined
    ? { verdict, code, message }
    : { verdict, code, message, retryAfterMs: Math.min(asked, MAX_RETRY_AFTER_MS) }
}

const MEANING: Readonly<Record<Verdict, string>> = {
  delivered: '',
  retry: '; it is tried again',
  wait: '; it asks to be left alone for a while',
  item: '; it will not take this item',
  pause: '; the destination is paused until that changes',
  disable: '; the destination is disabled until its document changes',
}

function verdictOf(status: number, retryAfterMs: number | undefined): Verdict {
  const known = BY_STATUS[status]
  if (known !== undefined) return known
  if (status >= 200 && status < 300) return 'delivered'
  // Redirects are not followed: a signed body must not go where nobody wrote it should.
  if (status < 400) return 'retry'
  if (status < 500) return 'item'
  return status === 503 && retryAfterMs !== undefined ? 'wait' : 'retry'
}

/** Retry-After in seconds or as a date; undefined when unreadable. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  // Only HTTP dates start with a letter; Date.parse takes nearly everything.
  const date = /^[A-Z]/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}
