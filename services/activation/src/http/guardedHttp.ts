/**
 * Calls to addresses that a document names. Everything the other side can do is an answer, nothing is an exception.
 *
 * Invariants:
 *  H1. Redirects are not followed: what is sent goes where its document says and nowhere else.
 *  H2. A call ends within its timeout, whatever the receiver does: also when it sends its answer a byte at a time.
 *  H3. No more of an answer is read than tells whether it arrived; what the receiver wrote is neither kept nor logged.
 */
import { Agent, request } from 'undici'
import { type Answer, type FailureCode, parseRetryAfter } from '../delivery/classify.ts'
import { guardedLookup, literalRefusal } from './addressGuard.ts'

/** A connection that takes longer than this will not be quick in answering either. */
const MAX_CONNECT_MS = 5_000
/** An answer is read to its end so that the connection can be used again; a longer one costs its connection. */
const MAX_ANSWER_BYTES = 64 * 1024

export interface GuardedCall {
  /** Connections are pooled by destination. */
  readonly destination: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly allowPrivate: boolean
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export interface GuardedHttp {
  call(call: GuardedCall): Promise<Answer>
  close(): Promise<void>
}

export function createGuardedHttp(clock: () => number): GuardedHttp {
  // Connections are pooled apart: what one document allows must not be reused under another.
  const agents = new Map<string, Agent>()

  function agentOf(destination: string, allowPrivate: boolean): Agent {
    const name = `${destination} ${allowPrivate}`
    let agent = agents.get(name)
    if (!agent) {
      agent = new Agent({
        connect: { lookup: guardedLookup(allowPrivate), timeout: MAX_CONNECT_MS },
        keepAliveTimeout: 10_000,
        // Concurrency is the dispatcher's business; each call has its own connection, HTTP/1.1 without pipelining.
        pipelining: 1,
      })
      agents.set(name, agent)
    }
    return agent
  }

  async function send(call: GuardedCall, url: URL, signal: AbortSignal): Promise<Answer> {
    const { statusCode, headers, body } = await request(url, {
      method: call.method as 'POST',
      dispatcher: agentOf(call.destination, call.allowPrivate),
      signal,
      headers: { ...call.headers },
      body: call.body,
    })
    // The status has decided; an answer that breaks off after it changes nothing (H3).
    await body.dump({ limit: MAX_ANSWER_BYTES, signal }).catch(() => undefined)
    const header = headers['retry-after']
    const retryAfterMs = parseRetryAfter(Array.isArray(header) ? header[0] : header, clock())
    return { kind: 'status', status: statusCode, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  }

  return {
    async call(call) {
      const url = URL.canParse(call.url) ? new URL(call.url) : undefined
      if (!url) return failure('URL_INVALID', 'the destination’s url is not a valid address')
      const refused = literalRefusal(url.hostname, call.allowPrivate)
      if (refused !== undefined) return failure('ADDRESS_REFUSED', `the destination’s address ${refused}`)
      const timeout = AbortSignal.timeout(call.timeoutMs)
      try {
        return await send(call, url, AbortSignal.any([call.signal, timeout]))
      } catch (error) {
        if (timeout.aborted) return failure('TIMEOUT', `no answer within ${call.timeoutMs} ms`)
        return failureOf(error)
      }
    },
    async close() {
      await Promise.all([...agents.values()].map((agent) => agent.close()))
    },
  }
}

export function failure(code: FailureCode, message: string): Answer {
  return { kind: 'failure', code, message }
}

const BY_CODE: readonly (readonly [RegExp, FailureCode, string])[] = [
  [/^ADDRESS_REFUSED$/, 'ADDRESS_REFUSED', 'its name leads to an address that is not allowed'],
  [/^(ENOTFOUND|EAI_)/, 'NAME_NOT_FOUND', 'its name cannot be resolved'],
  [/TIMEOUT|ETIMEDOUT/, 'TIMEOUT', 'it did not answer in time'],
  [/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/, 'TLS_FAILED', 'its certificate or TLS is not accepted'],
]

/** Of a connection that could not be made, or broke. */
export function failureOf(error: unknown): Answer {
  const codes = [codeOf(error), codeOf((error as { cause?: unknown }).cause)]
  for (const [pattern, code, text] of BY_CODE) {
    const found = codes.find((one) => pattern.test(one))
    if (found !== undefined) return failure(code, `${text} (${found})`)
  }
  return failure(
    'CONNECTION_FAILED',
    `the connection failed (${codes.find((one) => one !== '') ?? 'unknown'})`,
  )
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : ''
}
