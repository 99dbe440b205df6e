import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isExactNumber, parseExact } from './exactJson.ts'

test.each([
  '9007199254740993',
  '-9007199254740993',
  '18446744073709551615',
  '123456789012345678901234567890',
  '1e999',
  '-1E+400',
  '0.12345678901234567890123',
  '1e-400',
])('%s is written again as it was', (number) => {
  const value = parseExact(`{"n":[${number}]}`)
  expect(JSON.stringify(value)).toBe(`{"n":[${number}]}`)
  expect(isExactNumber((value as { n: unknown[] }).n[0])).toBe(true)
})

test.each([
  '1',
  '-0',
  '1.50',
  '1e21',
  '1e25',
  '9007199254740992',
  '100000000000000000000',
  '0.1',
  '1.7976931348623157e308',
])('%s is a plain number, because nothing is lost', (number) => {
  expect(parseExact(number)).toBe(Number(number))
})

test('for values JavaScript can hold it is JSON.parse', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.stringify(parseExact(text))).toBe(JSON.stringify(JSON.parse(text)))
    }),
  )
})

test('integers of any size survive', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n })), (numbers) => {
      const text = `[${numbers.join(',')}]`
      expect(
        (JSON.stringify(parseExact(text)).match(/-?\d[^,\]]*/g) ?? []).map((n) =>
          n.includes('e') ? BigInt(Number(n)) : BigInt(n),
        ),
      ).toEqual(numbers)
    }),
  )
})
