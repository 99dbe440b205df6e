import { expect, test } from '@jest/globals'
import { murmur2, partitionOf } from './partition.ts'

// Values of org.apache.kafka.common.utils.UtilsTest#testMurmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is what the Java client computes', (text, expected) => {
  expect(murmur2(Buffer.from(text)) | 0).toBe(expected)
})

test('a partition is never negative and always below the count', () => {
  for (let i = 0; i < 1000; i++) {
    const partition = partitionOf(`key-${i}`, 7)
    expect(partition).toBeGreaterThanOrEqual(0)
    expect(partition).toBeLessThan(7)
  }
})

test('a key as text lies where its bytes lie, whatever its length and letters', () => {
  for (let length = 0; length < 200; length++)
    for (const key of ['a'.repeat(length), 'é'.repeat(length), `${'0'.repeat(length)}\ud83d\ude00`])
      expect(partitionOf(key, 97)).toBe(partitionOf(Buffer.from(key), 97))
})
