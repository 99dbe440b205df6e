import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decompressLz4 } from './decompressLz4.ts'
import { decompressSnappy } from './decompressSnappy.ts'

/** By hand from the format descriptions; what brokers compress is read in tests/integration/runtime. */
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

test.each([
  ['a literal', '03 08 616263', 'abc'],
  ['a copy that reaches into what it writes', '09 08 616263 09 03', 'abcabcabc'],
  ['a copy with two bytes of offset', '06 08 616263 0a 0300', 'abcabc'],
  [
    'blocks of the Java library',
    '82534e4150505900 00000001 00000001 00000005 03 08 616263 00000003 01 00 7a',
    'abcz',
  ],
])('snappy: %s', (_, input, output) => {
  expect(decompressSnappy(hex(input)).toString()).toBe(output)
})

test.each([
  ['a stored block', '04224d18 60 40 82 03000080 616263 00000000', 'abc'],
  ['a compressed block', '04224d18 60 40 82 08000000 32 616263 0300 10 78 00000000', 'abcabcabcx'],
  ['an empty frame', '04224d18 60 40 82 00000000', ''],
])('LZ4: %s', (_, input, output) => {
  const read = () => decompressLz4(hex(input)).toString()
  expect(read()).toBe(output)
})

test.each([
  ['snappy', decompressSnappy, Buffer.from([])],
  ['LZ4', decompressLz4, hex('04224d18 60 40 82')],
])('%s: whatever the bytes are, the answer is bytes or a RangeError', (_, decompress, header) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const outcome = attempt(() => decompress(Buffer.concat([header, bytes])))
      expect(outcome === undefined || outcome instanceof RangeError).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

test('snappy: a length that so few bytes cannot fill is damage, before memory is taken for it', () => {
  const claims64Mb = hex('80808020 08 616263')
  expect(() => decompressSnappy(claims64Mb)).toThrow('67108864 bytes')
})

test('snappy: the densest input there is stays within the bound', () => {
  const copies = 1000
  const length = 1 + copies * 64
  const head = Buffer.from([(length & 0x7f) | 0x80, ((length >>> 7) & 0x7f) | 0x80, length >>> 14])
  const dense = Buffer.concat([head, hex('00 61'), ...Array.from({ length: copies }, () => hex('fe 0100'))])
  expect(decompressSnappy(dense)).toEqual(Buffer.alloc(length, 'a'))
})

function attempt(run: () => unknown): unknown {
  try {
    run()
    return undefined
  } catch (error) {
    return error
  }
}
