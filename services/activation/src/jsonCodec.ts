import { parseExact } from '@tributary/domain'
import type { Codec } from '@tributary/stream-runtime'

/** Rows as JSON text, for tables whose rows are few or small; numbers stay as they were written. */
export function jsonCodec<V>(): Codec<V> {
  return {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) =>
      parseExact(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as V,
  }
}
