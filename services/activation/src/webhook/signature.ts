/**
 * Standard Webhooks: `webhook-signature: v1,<base64 of HMAC-SHA256(secret, id.timestamp.body)>`, one per secret with
 * spaces between, so that a receiver which knows the old or the new one accepts. Source: the Standard Webhooks
 * specification, “Signature scheme”.
 */
import { createHmac } from 'node:crypto'

const PREFIX = 'whsec_'
/** The specification asks for 24 to 64 bytes. */
const MIN_BYTES = 24
const MAX_BYTES = 64

/** The key inside "whsec_<base64>". Throws without repeating the text. */
export function decodeSecret(text: string): Uint8Array {
  const base64 = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : undefined
  const key =
    base64 !== undefined && /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? Buffer.from(base64, 'base64') : undefined
  if (!key || key.length < MIN_BYTES || key.length > MAX_BYTES) {
    throw Object.assign(
      new Error(
        `a signing secret is whsec_ and the base64 of ${MIN_BYTES} to ${MAX_BYTES} random bytes; write one into its file`,
      ),
      { code: 'SECRET_INVALID' },
    )
  }
  return key
}

export interface SignedHeaders {
  readonly 'webhook-id': string
  readonly 'webhook-timestamp': string
  readonly 'webhook-signature': string
}

export function signedHeaders(
  keys: readonly Uint8Array[],
  id: string,
  nowMs: number,
  body: string,
): SignedHeaders {
  const seconds = String(Math.floor(nowMs / 1_000))
  const signatures = keys.map(
    (key) => `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`,
  )
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures.join(' ') }
}
