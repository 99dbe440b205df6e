/**
 * Cuts a stream of bytes into lines as they come, holding no more than the line that is not complete yet.
 *
 *  L1. Every line is given exactly once, with its own bytes and its number from 1; lines of white space alone are passed
 *      over and counted.
 *  L2. At most `maxBytes` of an incomplete line are held. What is longer is thrown away to its end and told as such.
 */

/** Longest line that is held: more than any source takes of one event (900 KiB). */
export const MAX_LINE_BYTES = 1024 * 1024

export interface WholeLine {
  readonly number: number
  /** Without the line break; a view of memory that is the caller's until the next call. */
  readonly bytes: Buffer
}

/** Longer than is held: nothing of it is here. */
export interface LostLine {
  readonly number: number
  readonly lostBytes: number
}

export interface SplitLines<L> {
  push(chunk: Buffer): L[]
  /** What was left without a line break at its end. */
  end(): L[]
}

const NEWLINE = 0x0a
const RETURN = 0x0d

export function createSplitLines(maxBytes: number): SplitLines<WholeLine | LostLine> {
  let number = 1
  let kept: Buffer[] = []
  let keptBytes = 0
  let lostBytes = 0

  function take(rest: Buffer): void {
    keptBytes += rest.length
    if (lostBytes > 0 || keptBytes > maxBytes) {
      lostBytes = keptBytes
      kept = []
    } else if (rest.length > 0) kept.push(rest)
  }

  function finish(): (WholeLine | LostLine)[] {
    const bytes = kept.length === 1 ? kept[0]! : Buffer.concat(kept)
    const line = lostBytes > 0 ? { number, lostBytes } : { number, bytes: withoutReturn(bytes, number) }
    number++
    kept = []
    keptBytes = 0
    lostBytes = 0
    return 'bytes' in line && isBlank(line.bytes) ? [] : [line]
  }

  return {
    push(chunk) {
      const lines: (WholeLine | LostLine)[] = []
      let from = 0
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        take(chunk.subarray(from, at))
        lines.push(...finish())
        from = at + 1
      }
      take(chunk.subarray(from))
      return lines
    },
    end: () => (keptBytes > 0 ? finish() : []),
  }
}

/** The first line may begin with a byte order mark. */
function withoutReturn(line: Buffer, number: number): Buffer {
  const end = line.at(-1) === RETURN ? line.length - 1 : line.length
  return line.subarray(number === 1 ? markLength(line) : 0, end)
}

/** Bytes of the byte order mark a text begins with. */
export function markLength(text: Buffer): number {
  return text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? 3 : 0
}

function isBlank(line: Buffer): boolean {
  for (const byte of line) if (byte !== 32 && byte !== 9 && byte !== RETURN) return false
  return true
}
