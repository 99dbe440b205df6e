/**
 * Webhooks of other systems: who sent it is told by a signature over the body as it was sent.
 *
 *  W1. Nothing of a body is looked at before its signature holds; signatures are compared in constant time.
 *  W2. Any of the source's secrets may have signed it, so that one is changed while the other still holds.
 *  W3. The delivery's id is the message id: a delivery that is repeated, or played back, counts once.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { type IncomingHttpHeaders } from 'node:http'
import { type JsonObject } from '@tributary/domain'
import { type Delivery } from '@tributary/sources'

export type WebhookScheme = 'standard' | 'shopify'

export interface Webhook {
  readonly scheme: WebhookScheme
  /** As mounted; those that are missing are left out. */
  readonly secrets: readonly string[]
  /** How far the sender's clock may be off, or a delivery be played back. */
  readonly toleranceMs: number
}

export type DeliveryProblem = {
  readonly code: 'missing_signature' | 'invalid_signature' | 'stale_delivery'
  readonly message: string
}

export function verifyWebhook(
  webhook: Webhook,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  nowMs: number,
): Delivery | DeliveryProblem {
  return webhook.scheme === 'standard'
    ? verifyStandard(webhook, headers, body, nowMs)
    : verifyShopify(webhook, headers, body)
}

/** Standard Webhooks: base64 of HMAC-SHA256 over "id.timestamp.body", several separated by spaces. */
function verifyStandard(
  { secrets, toleranceMs }: Webhook,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  nowMs: number,
): Delivery | DeliveryProblem {
  const id = text(headers['webhook-id'])
  const timestamp = text(headers['webhook-timestamp'])
  const signatures = text(headers['webhook-signature'])
  if (!id || !timestamp || !signatures) return missing('webhook-id, webhook-timestamp and webhook-signature')
  const given = signatures.split(' ').flatMap((each) => (each.startsWith('v1,') ? [each.slice(3)] : []))
  if (!isSigned(given, secrets, [`${id}.${timestamp}.`, body], standardKey)) return invalid()
  const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN
  if (!(Math.abs(seconds * 1000 - nowMs) <= toleranceMs))
    return {
      code: 'stale_delivery',
      message: `webhook-timestamp is more than ${toleranceMs / 1000} s away from now`,
    }
  return { id, time: seconds, about: {} }
}

/** Of a secret "whsec_…" the rest is the key in base64; anything else is the key itself. */
function standardKey(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
}

/** Shopify: base64 of HMAC-SHA256 over the body. Newer deliveries have no "X-" before the names. */
function verifyShopify(
  { secrets }: Webhook,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
): Delivery | DeliveryProblem {
  const header = (name: string): string | undefined =>
    text(headers[`x-shopify-${name}`]) ?? text(headers[`shopify-${name}`])
  const signature = header('hmac-sha256')
  const id = header('webhook-id')
  if (!signature || !id) return missing('X-Shopify-Hmac-SHA256 and X-Shopify-Webhook-Id')
  if (!isSigned([signature], secrets, [body], (secret) => Buffer.from(secret))) return invalid()
  const about: JsonObject = {}
  for (const [name, found] of [
    ['__topic', header('topic')],
    ['__shop', header('shop-domain')],
    ['__event_id', header('event-id')],
  ] as const)
    if (found !== undefined) about[name] = found
  return { id, time: header('triggered-at'), about }
}

function text(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' ? header : undefined
}

function missing(names: string): DeliveryProblem {
  return { code: 'missing_signature', message: `a delivery has ${names}` }
}

function invalid(): DeliveryProblem {
  return { code: 'invalid_signature', message: 'the signature is of none of the secrets of the source' }
}

/** Compares with every secret there is, whichever fits. */
function isSigned(
  given: readonly string[],
  secrets: readonly string[],
  parts: readonly (string | Uint8Array)[],
  keyOf: (secret: string) => Buffer,
): boolean {
  let signed = false
  for (const secret of secrets) {
    const hmac = createHmac('sha256', keyOf(secret))
    for (const part of parts) hmac.update(part)
    const expected = hmac.digest()
    for (const each of given) {
      const signature = Buffer.from(each, 'base64')
      if (signature.length === expected.length && timingSafeEqual(signature, expected)) signed = true
    }
  }
  return signed
}
