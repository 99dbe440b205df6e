/** Sends one delivery to one webhook, signed as Standard Webhooks describes. */
import { DEFAULT_TIMEOUT_MS } from '@tributary/configuration'
import type { Sender } from '../delivery/dispatcher.ts'
import { createGuardedHttp, failure } from '../http/guardedHttp.ts'
import { signedHeaders } from './signature.ts'
import type { WebhookSecrets } from './webhookSecret.ts'

export interface WebhookSender extends Sender {
  close(): Promise<void>
}

export function createWebhookSender(options: {
  readonly secrets: WebhookSecrets
  readonly clock: () => number
  /** Product and version, for the receiver's log. */
  readonly userAgent: string
}): WebhookSender {
  const http = createGuardedHttp(options.clock)
  return {
    blocked(destination) {
      const secrets = options.secrets.of(destination)
      return 'problem' in secrets ? secrets.problem : undefined
    },
    async send(destination, delivery, signal) {
      const { webhook } = destination
      const secrets = options.secrets.of(destination)
      if (!webhook || 'problem' in secrets)
        return failure('URL_INVALID', 'the destination has no webhook or no secret')
      return http.call({
        destination: destination.id,
        method: 'POST',
        url: webhook.url,
        headers: {
          ...signedHeaders(secrets.keys, delivery.id, options.clock(), delivery.body),
          'content-type': 'application/json',
          'user-agent': options.userAgent,
          ...(delivery.traceparent !== '' && { traceparent: delivery.traceparent }),
        },
        body: delivery.body,
        allowPrivate: webhook.allowPrivateAddresses === true,
        timeoutMs: webhook.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        signal,
      })
    },
    close: () => http.close(),
  }
}
