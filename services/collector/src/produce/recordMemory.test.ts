import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Piece, createRecordMemory } from './recordMemory.ts'

const PIECE_BYTES = 64

test('memory is written to again only after everything in it was released, and then it is', () => {
  let again = 0
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(10, 20, 40, 100) },
    { weight: 2, arbitrary: fc.constant('release' as const) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const memory = createRecordMemory(PIECE_BYTES)
      const seen = new Set<Buffer>()
      const live: { piece: Piece; slice: Buffer; mark: number }[] = []
      let piece = memory.allocate(PIECE_BYTES)
      let free = 0
      for (const [mark, each] of steps.entries()) {
        if (each === 'release') {
          const [first] = live.splice(0, 1)
          if (first) memory.release(first.piece)
        } else {
          if (piece.length - free < each) {
            piece = memory.allocate(each)
            free = 0
            if (seen.has(piece)) again++
            seen.add(piece)
          }
          const slice = piece.subarray(free, free + each).fill(mark & 0xff)
          free += each
          live.push({ piece: memory.hold(), slice, mark: mark & 0xff })
        }
        for (const { slice, mark: own } of live) expect(slice.every((byte) => byte === own)).toBe(true)
      }
    }),
  )
  expect(again).toBeGreaterThan(0)
})
