import { BinaryWriter } from '@bufbuild/protobuf/wire'

/** What is generated for a message, as far as writing it needs it. */
interface Encodable<M> {
  encode(message: M, writer?: BinaryWriter): BinaryWriter
}

/** Its buffer stays as large as the largest message so far (at most some MiB); a new one for each costs more than the writing. */
let writer = new BinaryWriter()

/** The bytes of a message, as `message.encode(value).finish()` gives them, without a new buffer for each. */
export function encodeMessage<M>(message: Encodable<M>, value: M): Uint8Array {
  try {
    return message.encode(value, writer).finish()
  } catch (error) {
    // Half a message is in it.
    writer = new BinaryWriter()
    throw error
  }
}
