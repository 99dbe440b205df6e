import { expect, test } from '@jest/globals'
import { takeBytes } from './takeBytes.ts'

test('bytes that were taken are nobody else’s, however many are taken and however long', () => {
  const lengths = [0, 1, 7, 8, 9, 100, 8_191, 8_192, 8_193, 65_536, 100_000]
  const taken = Array.from({ length: 400 }, (_, n) =>
    takeBytes(lengths[(n * 7) % lengths.length]!).fill(n % 251),
  )
  for (const [n, bytes] of taken.entries()) {
    expect(bytes.length).toBe(lengths[(n * 7) % lengths.length])
    expect(bytes.every((each) => each === n % 251)).toBe(true)
  }
})
