import type { Codec } from '@tributary/stream-runtime'

/** What ts-proto generates for a message, as far as a codec needs it. */
interface GeneratedMessage<M> {
  encode(message: M): { finish(): Uint8Array }
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
    return { encode: (value: M) => message.encode(value).finish(), decode: (bytes) => message.decode(bytes) }
  return {
    encode: (value: V) => message.encode(convert.to(value)).finish(),
    decode: (bytes) => convert.from(message.decode(bytes)),
  }
}
