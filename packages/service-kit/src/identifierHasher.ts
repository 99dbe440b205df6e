/**
 * Identifier ids: a keyed hash, so that no personal value is ever a key in Kafka and nobody without the workspace's
 * key can test a guessed value against an id. 128 bits: among 10^10 identifiers a collision has odds of 10^-19.
 */
import { createHmac, createSecretKey } from 'node:crypto'

export type IdentifierHasher = (type: string, normaliserVersion: number, value: string) => string

/** First 128 bits of HMAC-SHA256(key, type ‖ 0x00 ‖ normaliser version ‖ 0x00 ‖ value), 32 lower-case hex digits. */
export function createIdentifierHasher(key: string | Uint8Array): IdentifierHasher {
  // A key object is prepared once; passing the text would import it anew for every identifier.
  const secret = createSecretKey(typeof key === 'string' ? Buffer.from(key, 'utf8') : key)
  return (type, normaliserVersion, value) =>
    createHmac('sha256', secret)
      .update(`${type}\u0000${normaliserVersion}\u0000${value}`, 'utf8')
      .digest('hex')
      .slice(0, 32)
}
