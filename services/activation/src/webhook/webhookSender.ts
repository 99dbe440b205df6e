/**
 * Sends one delivery to one webhook. Everything the other side can do is an answer, nothing is an exception.
 *
 * Invariants:
 *  H1. Redirects are not followed: a signed body goes where its document says and nowhere else.
 *  H2. A call ends within the destination's timeout, whatever the receiver does: also when it sends its answer a byte
 *      at a time.
 *  H3. No more of an answer is read than tells whether it arrived; what the receiver wrote is neither kept nor logged.
 */
import type { DestinationDocument } from '@tributary/configuration'
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { Agent, request } from 'undici'
import { type Answer, type FailureCode, parseRetryAfter } from '../delivery/classify.ts'
import type { Sender } from '../delivery/dispatcher.ts'
import { guardedLookup, literalRefusal } from './addressGuard.ts'
import { signedHeaders } from './signature.ts'
import type { WebhookSecrets } from './webhookSecret.ts'

/** As the Destination document says when it says nothing. */
const TIMEOUT_MS = 10_000
/** A connection that takes longer than this will not be quick in answering either. */
const MAX_CONNECT_MS = 5_000
/** An answer is read to its end so that the connection can be used again; a longer one costs its connection. */
const MAX_ANSWER_BYTES = 64 * 1024

export interface WebhookSender extends Sender {
  close(): Promise<void>
}

export function createWebhookSender(options: {
  readonly secrets: WebhookSecrets
  readonly clock: () => number
  /** Product and version, for the receiver's log. */
  readonly userAgent: string
}): WebhookSender {
  // Connections are pooled apart: what one document allows must not be reused under another.
  const agents = new Map<string, Agent>()

  function agentOf(destination: DestinationDocument, allowPrivate: boolean): Agent {
    const name = `${destination.id} ${allowPrivate}`
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

  return {
    blocked(destination) {
      if (!destination.webhook)
        return { code: 'KIND_UNKNOWN', message: 'this version sends to webhooks only' }
      const secrets = options.secrets.of(destination)
      return 'problem' in secrets ? secrets.problem : undefined
    },
    async send(destination, delivery, signal) {
      const { webhook } = destination
      const secrets = options.secrets.of(destination)
      if (!webhook || 'problem' in secrets)
        return failure('URL_INVALID', 'the destination has no webhook or no secret')
      const allowPrivate = webhook.allowPrivateAddresses === true
      const url = URL.canParse(webhook.url) ? new URL(webhook.url) : undefined
      if (!url) return failure('URL_INVALID', 'the destination’s url is not a valid address')
      const refused = literalRefusal(url, allowPrivate)
      if (refused !== undefined) return failure('ADDRESS_REFUSED', `the destination’s address ${refused}`)
      const timeoutMs = webhook.timeoutMs ?? TIMEOUT_MS
      const timeout = AbortSignal.timeout(timeoutMs)
      try {
        return await post(
          url,
          delivery,
          secrets.keys,
          agentOf(destination, allowPrivate),
          AbortSignal.any([signal, timeout]),
        )
      } catch (error) {
        if (timeout.aborted) return failure('TIMEOUT', `no answer within ${timeoutMs} ms`)
        return failureOf(error)
      }
    },
    async close() {
      await Promise.all([...agents.values()].map((agent) => agent.close()))
    },
  }

  async function post(
    url: URL,
    delivery: Delivery,
    keys: readonly Uint8Array[],
    dispatcher: Agent,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { statusCode, headers, body } = await request(url, {
      method: 'POST',
      dispatcher,
      signal,
      headers: {
        ...signedHeaders(keys, delivery.id, options.clock(), delivery.body),
        'content-type': 'application/json',
        'user-agent': options.userAgent,
      },
      body: delivery.body,
    })
    // The status has decided; an answer that breaks off after it changes nothing (H3).
    await body.dump({ limit: MAX_ANSWER_BYTES, signal }).catch(() => undefined)
    const header = headers['retry-after']
    const retryAfterMs = parseRetryAfter(Array.isArray(header) ? header[0] : header, options.clock())
    return { kind: 'status', status: statusCode, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  }
}

function failure(code: FailureCode, message: string): Answer {
  return { kind: 'failure', code, message }
}

const BY_CODE: readonly (readonly [RegExp, FailureCode, string])[] = [
  [/^ADDRESS_REFUSED$/, 'ADDRESS_REFUSED', 'its name leads to an address that is not allowed'],
  [/^(ENOTFOUND|EAI_)/, 'NAME_NOT_FOUND', 'its name cannot be resolved'],
  [/TIMEOUT|ETIMEDOUT/, 'TIMEOUT', 'it did not answer in time'],
  [/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/, 'TLS_FAILED', 'its certificate or TLS is not accepted'],
]

function failureOf(error: unknown): Answer {
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
