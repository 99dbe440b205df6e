/**
 * Bytes of RowBinary, ClickHouse's plain binary row format: values one after another, little-endian, no separators.
 * It carries any bytes in a String as they are, which no text format does without escaping.
 */

/** First size of the buffer, bytes: a few hundred events; it doubles when it is too small. */
const FIRST_SIZE = 256 * 1024

export class RowWriter {
  #buffer = Buffer.allocUnsafe(FIRST_SIZE)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Forgets what was written after `length`: a row that turned out to be none. */
  truncate(length: number): void {
    this.#length = length
  }

  /** What was written, valid until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  uint8(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#length++] = value
  }

  uint32(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeUInt32LE(value, this.#length)
  }

  /** A whole number from 0 to 2^53 as UInt64. */
  uint64(value: number): void {
    this.#reserve(8)
    this.#buffer.writeUInt32LE(value % 0x1_0000_0000, this.#length)
    this.#buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), this.#length + 4)
    this.#length += 8
  }

  /** A whole number between ±2^53 as Int64. */
  int64(value: number): void {
    this.#reserve(8)
    const high = Math.floor(value / 0x1_0000_0000)
    this.#buffer.writeUInt32LE(value - high * 0x1_0000_0000, this.#length)
    this.#buffer.writeInt32LE(high, this.#length + 4)
    this.#length += 8
  }

  /** Unsigned LEB128: seven bits a byte, least significant first. */
  varint(value: number): void {
    let rest = value
    while (rest > 127) {
      this.uint8((rest % 128) | 128)
      rest = Math.floor(rest / 128)
    }
    this.uint8(rest)
  }

  /** A String: its length in bytes, then its bytes. Text goes out as UTF-8. */
  string(value: string | Uint8Array): void {
    if (typeof value === 'string') {
      const size = Buffer.byteLength(value)
      this.varint(size)
      this.#reserve(size)
      this.#length += this.#buffer.write(value, this.#length)
    } else {
      this.varint(value.length)
      this.#reserve(value.length)
      this.#buffer.set(value, this.#length)
      this.#length += value.length
    }
  }

  #reserve(size: number): void {
    const needed = this.#length + size
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    larger.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = larger
  }
}
