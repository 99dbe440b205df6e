/**
 * LZ4 in its frame format, as Kafka's producers write it since message format 2. Checksums are not verified: the
 * batch has one of its own. Format: lz4, doc/lz4_Frame_format.md and doc/lz4_Block_format.md.
 */
const MAGIC = 0x184d2204
const UNCOMPRESSED = 0x8000_0000
/** Largest block by the number in the frame's descriptor, bytes. */
const BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 64 << 10, 5: 256 << 10, 6: 1 << 20, 7: 4 << 20 }

export function decompressLz4(input: Buffer): Buffer {
  if (input.length < 7 || input.readUInt32LE(0) !== MAGIC) throw damaged('no frame')
  const flags = input[4]!
  const blockBytes = BLOCK_BYTES[(input[5]! >>> 4) & 7]
  if (flags >>> 6 !== 1 || blockBytes === undefined) throw damaged('an unknown version')
  const blockChecksum = (flags & 0x10) !== 0
  // Content size and dictionary id, when there are any, and the checksum of the header.
  let at = 6 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4) + 1
  let output = new Output(blockBytes)
  for (;;) {
    if (at + 4 > input.length) throw damaged('the end is missing')
    const header = input.readUInt32LE(at)
    at += 4
    if (header === 0) return output.bytes()
    const size = header & 0x7fff_ffff
    if (at + size > input.length) throw damaged('a block is cut off')
    const block = input.subarray(at, at + size)
    output = output.withRoomFor(blockBytes)
    if (header >= UNCOMPRESSED) output.literal(block, 0, size)
    else decompressBlock(block, output)
    at += size + (blockChecksum ? 4 : 0)
  }
}

/** What has been decompressed: one buffer, for copies of linked blocks reach back into earlier ones. */
class Output {
  readonly #buffer: Buffer
  #length: number

  constructor(capacity: number, before?: Buffer) {
    this.#buffer = Buffer.allocUnsafe(capacity)
    this.#length = before?.copy(this.#buffer) ?? 0
  }

  withRoomFor(bytes: number): Output {
    if (this.#length + bytes <= this.#buffer.length) return this
    return new Output(Math.max(this.#buffer.length * 2, this.#length + bytes), this.bytes())
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  literal(from: Buffer, at: number, size: number): void {
    if (this.#length + size > this.#buffer.length) throw damaged('a block is too large')
    from.copy(this.#buffer, this.#length, at, at + size)
    this.#length += size
  }

  copy(offset: number, size: number): void {
    if (offset === 0 || offset > this.#length) throw damaged('a copy points outside')
    if (this.#length + size > this.#buffer.length) throw damaged('a block is too large')
    // Byte by byte: a copy may reach into what it is writing.
    for (const end = this.#length + size; this.#length < end; this.#length++)
      this.#buffer[this.#length] = this.#buffer[this.#length - offset]!
  }
}

function decompressBlock(block: Buffer, output: Output): void {
  let at = 0
  function length(start: number): number {
    if (start < 15) return start
    let sum = start
    for (;;) {
      const byte = block[at++]
      if (byte === undefined) throw damaged('a length is cut off')
      sum += byte
      if (byte < 255) return sum
    }
  }
  while (at < block.length) {
    const token = block[at++]!
    const literals = length(token >>> 4)
    if (at + literals > block.length) throw damaged('a literal is cut off')
    output.literal(block, at, literals)
    at += literals
    // The last sequence of a block is literals only.
    if (at === block.length) return
    if (at + 2 > block.length) throw damaged('an offset is cut off')
    const offset = block.readUInt16LE(at)
    at += 2
    output.copy(offset, length(token & 15) + 4)
  }
}

function damaged(what: string): RangeError {
  return new RangeError(`damaged LZ4 data: ${what}`)
}
