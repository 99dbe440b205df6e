/**
 * The `position` of an answer: how far a reader must be to have read what was just accepted. A PositionToken as
 * base64url, written by hand: the generated encoder takes ten times as long, and every answer has one (property test).
 */
import { type WrittenPosition } from './groupCommit.ts'

/** Of one position, at most: two tags, a length, a partition of five bytes and an offset of ten. */
const POSITION_BYTES = 18

export function positionToken(epoch: number, positions: readonly WrittenPosition[]): string {
  const bytes = Buffer.allocUnsafe(6 + positions.length * POSITION_BYTES)
  let at = writeField(bytes, 0, 0x08, epoch)
  const sorted = positions.length > 1 ? positions.toSorted((a, b) => a.partition - b.partition) : positions
  for (const { partition, offset } of sorted) {
    bytes[at] = 0x12
    const end = writeField(bytes, writeField(bytes, at + 2, 0x08, partition), 0x10, offset)
    bytes[at + 1] = end - at - 2
    at = end
  }
  return bytes.toString('base64url', 0, at)
}

/** Nothing for 0: that is what its absence means. Whole numbers up to 2^53, none negative. */
function writeField(bytes: Buffer, start: number, tag: number, value: number): number {
  if (value === 0) return start
  let at = start
  bytes[at++] = tag
  let rest = value
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80
  bytes[at++] = rest
  return at
}
