/**
 * CRC-32C (Castagnoli), the checksum of Kafka's record batches, eight bytes at a time ("slicing by 8"): table k says what
 * a byte does to the sum when k bytes follow it.
 */
const POLYNOMIAL = 0x82f63b78

const tables = Array.from({ length: 8 }, () => new Int32Array(256))
for (let byte = 0; byte < 256; byte++) {
  let sum = byte
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1
  tables[0]![byte] = sum
}
for (let byte = 0; byte < 256; byte++)
  for (let k = 1; k < 8; k++) {
    const before = tables[k - 1]![byte]!
    tables[k]![byte] = (before >>> 8) ^ tables[0]![before & 0xff]!
  }
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
]

/** Of the bytes from `start` up to, not including, `end`; unsigned. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let sum = -1
  let i = start
  for (const whole = end - 7; i < whole; i += 8) {
    const low = sum ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    sum =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!
  }
  for (; i < end; i++) sum = (sum >>> 8) ^ t0[(sum ^ bytes[i]!) & 0xff]!
  return (sum ^ -1) >>> 0
}
