import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { takeBytes } from './takeBytes.ts'

/** What is generated for a message, as far as writing it needs it. */
interface Encodable<M> {
  encode(message: M, writer?: BinaryWriter): BinaryWriter
}

/** Writes what it has written into bytes cut from a larger buffer, where the library makes a buffer for each message. */
class SharingWriter extends BinaryWriter {
  override finish(): Buffer<ArrayBuffer> {
    const length = this['pos']
    const bytes = takeBytes(length)
    bytes.set(length === 0 ? EMPTY : this['buffer'].subarray(0, length))
    this['pos'] = 0
    return bytes
  }
}

const EMPTY = new Uint8Array(0)

/** Its buffer stays as large as the largest message so far (at most some MiB); a new one for each costs more than the writing. */
let writer = new SharingWriter()

/** The bytes of a message, as `message.encode(value).finish()` gives them, without a new buffer for each. */
export function encodeMessage<M>(message: Encodable<M>, value: M): Buffer<ArrayBuffer> {
  try {
    message.encode(value, writer)
    return writer.finish()
  } catch (error) {
    // Half a message is in it.
    writer = new SharingWriter()
    throw error
  }
}
