import { expect, test } from '@jest/globals'
import { LATEST_MS, array, bool, map, millis, nullable, string, uint64, word } from './columnType.ts'
import { RowWriter } from './rowWriter.ts'

function written(write: (out: RowWriter) => void): string {
  const out = new RowWriter()
  write(out)
  return out.bytes().toString('hex')
}

test.each([
  [0, '0000000000000000'],
  [1, '0100000000000000'],
  [2 ** 32, '0000000001000000'],
  [2 ** 53 - 1, 'ffffffffffff1f00'],
])('UInt64 %d', (value, expected) => {
  expect(written((out) => uint64.write(out, value))).toBe(expected)
})

test.each([
  [0, '0000000000000000'],
  [-1, 'ffffffffffffffff'],
  [-(2 ** 32), '00000000ffffffff'],
  [1_700_000_000_123, Buffer.from(new BigInt64Array([1_700_000_000_123n]).buffer).toString('hex')],
])('a time of %d ms is an Int64', (value, expected) => {
  expect(written((out) => millis.write(out, value))).toBe(expected)
})

test('a time the type cannot hold becomes the nearest it can, and a broken one the epoch', () => {
  const at = (value: number) => written((out) => millis.write(out, value))
  expect(at(Number.MAX_SAFE_INTEGER)).toBe(at(LATEST_MS))
  expect(at(Number.NEGATIVE_INFINITY)).toBe(at(Date.UTC(1900, 0, 1)))
  expect(at(Number.NaN)).toBe(at(0))
})

test('a String is its length and its bytes, whatever they are', () => {
  expect(written((out) => string.write(out, Buffer.from([0, 255, 10])))).toBe('0300ff0a')
  expect(written((out) => string.write(out, 'é'))).toBe('02c3a9')
  expect(written((out) => string.write(out, 'x'.repeat(300))).slice(0, 6)).toBe('ac0278')
})

test('composed types', () => {
  expect(written((out) => nullable(bool).write(out, undefined))).toBe('01')
  expect(written((out) => nullable(bool).write(out, true))).toBe('0001')
  expect(written((out) => array(word).write(out, ['a', 'b']))).toBe('0201610162')
  expect(written((out) => map(word, string).write(out, { k: 'v' }))).toBe('01016b0176')
  expect(map(word, array(nullable(millis))).name).toBe(
    "Map(LowCardinality(String), Array(Nullable(DateTime64(3, 'UTC'))))",
  )
})

test('the buffer grows and keeps what was written; truncate forgets a row', () => {
  const out = new RowWriter()
  const large = Buffer.alloc(700_000, 7)
  out.string('kept')
  const mark = out.length
  out.string(large)
  expect(out.bytes().subarray(0, 5).toString()).toBe('\u0004kept')
  expect(out.bytes().subarray(8, 12)).toEqual(Buffer.from([7, 7, 7, 7]))
  out.truncate(mark)
  expect(out.bytes()).toEqual(Buffer.from('\u0004kept'))
})
