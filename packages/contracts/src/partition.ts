/**
 * Kafka's default partitioner, so that any client in any language agrees where a key lies.
 *
 * murmur2, 32 bit, seed 0x9747b28c, as in org.apache.kafka.common.utils.Utils; the sign bit is cleared before the
 * remainder is taken.
 */
export function murmur2(data: Uint8Array): number {
  const m = 0x5bd1e995
  const r = 24
  const length = data.length
  let h = 0x9747b28c ^ length
  const whole = length & ~3
  for (let i = 0; i < whole; i += 4) {
    let k = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24)
    k = Math.imul(k, m)
    k ^= k >>> r
    k = Math.imul(k, m)
    h = Math.imul(h, m)
    h ^= k
  }
  const rest = length & 3
  if (rest === 3) h ^= data[whole + 2]! << 16
  if (rest >= 2) h ^= data[whole + 1]! << 8
  if (rest >= 1) {
    h ^= data[whole]!
    h = Math.imul(h, m)
  }
  h ^= h >>> 13
  h = Math.imul(h, m)
  h ^= h >>> 15
  return h
}

/** Partition of a key among `partitions`, 0-based. */
export function partitionOf(key: string | Uint8Array, partitions: number): number {
  const bytes = typeof key === 'string' ? bytesOf(key) : key
  return (murmur2(bytes) & 0x7fffffff) % partitions
}

/** Ids are 32 or 65 characters; a buffer of their own for each would cost more than the hash. */
const scratch = Array.from({ length: 97 }, (_, length) => new Uint8Array(length))

/** Of an ASCII text of usual length, in bytes that are used again at the next call. */
function bytesOf(key: string): Uint8Array {
  const bytes = scratch[key.length]
  if (!bytes) return Buffer.from(key)
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i)
    if (unit > 0x7f) return Buffer.from(key)
    bytes[i] = unit
  }
  return bytes
}
