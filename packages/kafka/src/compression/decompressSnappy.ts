/**
 * Snappy, as Kafka's producers write it: raw, or in the frames of the Java library (a header, then blocks with their
 * length before them). Format: google/snappy, format_description.txt.
 */
const JAVA_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
/** Magic, version and lowest compatible version. */
const JAVA_HEADER_BYTES = 16

export function decompressSnappy(input: Buffer): Buffer {
  if (!input.subarray(0, JAVA_MAGIC.length).equals(JAVA_MAGIC)) return decompressBlock(input)
  const blocks: Buffer[] = []
  for (let at = JAVA_HEADER_BYTES; at < input.length;) {
    const size = input.readInt32BE(at)
    at += 4
    if (size < 0 || at + size > input.length) throw damaged('a block is cut off')
    blocks.push(decompressBlock(input.subarray(at, at + size)))
    at += size
  }
  return Buffer.concat(blocks)
}

function decompressBlock(input: Buffer): Buffer {
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = input[at++]
    if (byte === undefined || shift > 28) throw damaged('no length')
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (length > MAX_BYTES || length > input.length * MAX_GROWTH) throw damaged(`${length} bytes`)
  const output = Buffer.allocUnsafe(length)
  let out = 0
  while (at < input.length) {
    const tag = input[at++]!
    if ((tag & 3) === 0) {
      let size = tag >>> 2
      if (size >= 60) {
        const bytes = size - 59
        if (at + bytes > input.length) throw damaged('a literal is cut off')
        size = input.readUIntLE(at, bytes)
        at += bytes
      }
      size++
      if (at + size > input.length || out + size > length) throw damaged('a literal is cut off')
      input.copy(output, out, at, at + size)
      at += size
      out += size
      continue
    }
    const { size, offset, read } = copyOf(input, tag, at)
    at += read
    if (offset === 0 || offset > out || out + size > length) throw damaged('a copy points outside')
    // Byte by byte: a copy may reach into what it is writing.
    for (const end = out + size; out < end; out++) output[out] = output[out - offset]!
  }
  if (out !== length) throw damaged(`${out} bytes instead of ${length}`)
  return output
}

function copyOf(input: Buffer, tag: number, at: number): { size: number; offset: number; read: number } {
  const read = [0, 1, 2, 4][tag & 3]!
  if (at + read > input.length) throw damaged('a copy is cut off')
  if (read === 1) return { size: ((tag >>> 2) & 7) + 4, offset: ((tag >>> 5) << 8) | input[at]!, read }
  return { size: (tag >>> 2) + 1, offset: input.readUIntLE(at, read), read }
}

/** Larger than any batch a broker takes, bytes: a damaged length must not exhaust the memory. */
const MAX_BYTES = 256 << 20
/** The densest there is, a copy of 64 bytes, takes three: nothing is allocated for a length that the input cannot fill. */
const MAX_GROWTH = 22

function damaged(what: string): RangeError {
  return new RangeError(`damaged snappy data: ${what}`)
}
