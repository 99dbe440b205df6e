import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { addDecimals, compareDecimals, decimalIn, decimalText, parseDecimal } from './decimal.ts'

describe('exact decimals', () => {
  test.each([
    ['0', '0'],
    ['-0', '0'],
    ['12.50', '12.5'],
    ['1.25e1', '12.5'],
    ['1e3', '1000'],
    ['-0.001', '-0.001'],
    ['5e-7', '0.0000005'],
    ['9007199254740993', '9007199254740993'],
  ])('%s is written %s', (text, expected) => {
    expect(decimalText(parseDecimal(text)!)).toBe(expected)
  })

  test.each(['', ' 1', '1,5', '0x10', '01', '1.', '.5', 'NaN', '1e99999', '1e41', '1e-41', '9'.repeat(41)])(
    '%p is no amount',
    (text) => {
      expect(parseDecimal(text)).toBeUndefined()
    },
  )

  test('add up in any order and compare as they should', () => {
    const cents = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }))
    fc.assert(
      fc.property(cents, (all) => {
        const texts = all.map((each) => `${each / 100}`)
        const sum = texts.map((text) => parseDecimal(text)!).reduce(addDecimals, { units: 0n, scale: 0 })
        const expected = all.reduce((a, b) => a + b, 0)
        expect(compareDecimals(sum, parseDecimal(`${expected}e-2`)!)).toBe(0)
        expect(decimalText(sum)).toBe(decimalText(parseDecimal(`${expected}e-2`)!))
      }),
    )
  })

  test('are found in numbers and in texts that are numbers, not in anything else', () => {
    expect(decimalIn(0.1)).toEqual({ units: 1n, scale: 1 })
    expect(decimalIn('19.90')).toEqual({ units: 1990n, scale: 2 })
    for (const other of ['19.90 EUR', true, null, undefined, [1], {}])
      expect(decimalIn(other)).toBeUndefined()
  })
})
