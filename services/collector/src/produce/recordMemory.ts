/**
 * Memory that records are written to, used again once they are durable. Buffers lie outside the heap; left to the garbage
 * collector, what waits for Kafka makes it mark the heap again and again just when there is most to do.
 *
 *  M1. A piece is written to anew only when every record cut from it has been released; what is never released is left to
 *      the garbage collector.
 *  M2. A record is released once, after all of its submission is durable: then nobody sends it again (groupCommit.ts).
 */
export interface Piece {
  readonly bytes: Buffer
  /** Records cut from it that have not been released. */
  live: number
}

export interface RecordMemory {
  /** A piece of at least so many bytes, from which records are cut until the next call. */
  allocate(bytes: number): Buffer
  /** Of a record that was just cut: the piece it lies in. */
  hold(): Piece
  release(piece: Piece): void
}

/** Pieces kept for later: 16 MiB, as much as may be in flight by default. */
const MAX_KEPT_PIECES = 256

export function createRecordMemory(pieceBytes: number): RecordMemory {
  const kept: Piece[] = []
  let current: Piece | undefined

  function keep(piece: Piece): void {
    // What was larger than a piece is rare, and not worth its place.
    if (piece.bytes.length === pieceBytes && kept.length < MAX_KEPT_PIECES) kept.push(piece)
  }

  return {
    allocate(bytes) {
      if (current?.live === 0) keep(current)
      const again = bytes <= pieceBytes ? kept.pop() : undefined
      current = again ?? { bytes: Buffer.allocUnsafeSlow(Math.max(pieceBytes, bytes)), live: 0 }
      return current.bytes
    },
    hold() {
      if (!current) throw new Error('no record has been cut yet')
      current.live++
      return current
    },
    release(piece) {
      piece.live--
      if (piece.live === 0 && piece !== current) keep(piece)
    },
  }
}
