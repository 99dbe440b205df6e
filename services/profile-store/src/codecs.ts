import { encodeMessage } from '@tributary/contracts'
import { type Codec } from '@tributary/stream-runtime'

/** What ts-proto generates for a message. */
interface Message<T> {
  encode: Parameters<typeof encodeMessage<T>>[0]['encode']
  decode(bytes: Uint8Array): T
}

export function protoCodec<T>(message: Message<T>): Codec<T> {
  return { encode: (value) => encodeMessage(message, value), decode: (bytes) => message.decode(bytes) }
}

/** For small rows that few ever see. */
export function jsonCodec<T>(): Codec<T> {
  return {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as T,
  }
}

/** Bytes as they are. */
export const bytesCodec: Codec<Uint8Array> = { encode: (value) => value, decode: (bytes) => bytes }
