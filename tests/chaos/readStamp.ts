/**
 * The stamp of any stamped message, read from its bytes alone: field 15 at the top level, the last one.
 * Source: protobuf encoding guide, “Message structure”.
 */
import { Stamp } from '@tributary/contracts/generated/tributary/ledger/v1/stamp'

const STAMP_FIELD = 15
const VARINT = 0
const FIXED_64 = 1
const LENGTH_DELIMITED = 2
const FIXED_32 = 5

export function readStamp(message: Uint8Array): Stamp | undefined {
  let at = 0
  let found: Uint8Array | undefined
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]
      if (byte === undefined) throw new RangeError('a message that ends in the middle of a field')
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const tag = varint()
    const [field, type] = [Math.floor(tag / 8), tag % 8]
    if (type === VARINT) varint()
    else if (type === FIXED_64) at += 8
    else if (type === FIXED_32) at += 4
    else if (type === LENGTH_DELIMITED) {
      const length = varint()
      if (field === STAMP_FIELD) found = message.subarray(at, at + length)
      at += length
    } else throw new RangeError(`a field of wire type ${type}, which protobuf has not`)
  }
  return found && Stamp.decode(found)
}
