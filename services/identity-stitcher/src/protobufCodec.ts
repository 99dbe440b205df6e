import { encodeMessage } from '@tributary/contracts'
import type { Codec } from '@tributary/stream-runtime'

/** What ts-proto generates for a message, as far as a codec needs it. */
interface GeneratedMessage<M> {
  encode: Parameters<typeof encodeMessage<M>>[0]['encode']
  decode(bytes: Uint8Array): M
}

/** Rows that are messages, or something else that is kept as one. */
export function protobufCodec<M>(message: GeneratedMessage<M>): Codec<M>
export function protobufCodec<M, V>(
  message: GeneratedMessage<M>,
  convert: { readonly to: (value: V) => M; readonly from: (message: M) => V },
): Codec<V>
export function protobufCodec<M, V>(
  message: GeneratedMessage<M>,
  convert?: { readonly to: (value: V) => M; readonly from: (message: M) => V },
): Codec<M> | Codec<V> {
  if (!convert)
    return { encode: (value: M) => encodeMessage(message, value), decode: (bytes) => message.decode(bytes) }
  return {
    encode: (value: V) => encodeMessage(message, convert.to(value)),
    decode: (bytes) => convert.from(message.decode(bytes)),
  }
}
