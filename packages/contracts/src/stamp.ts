import { encodeMessage } from './encodeMessage.ts'
import { Stamp } from './generated/tributary/ledger/v1/stamp.ts'

/** Field 15, length-delimited. */
const STAMP_TAG = (15 << 3) | 2

/**
 * Appends a Stamp as field 15 to an encoded message. Concatenating encodings merges messages in protobuf, so the
 * result decodes as the same message with its `stamp` set.
 * Source: protobuf encoding guide, "Last One Wins" and message merging.
 */
export function appendStamp(message: Uint8Array, stamp: Stamp): Buffer {
  const body = encodeMessage(Stamp, stamp)
  // A stamp is under 128 bytes (writer ≤ 64, two varints), so its length is one byte.
  if (body.length > 127)
    throw new RangeError(`a stamp of ${body.length} bytes: writer names are at most 64 bytes`)
  const out = Buffer.allocUnsafe(message.length + 2 + body.length)
  out.set(message, 0)
  out[message.length] = STAMP_TAG
  out[message.length + 1] = body.length
  out.set(body, message.length + 2)
  return out
}
