import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { builtInPlaceholders, createIsPlaceholder } from './placeholder.ts'

const isPlaceholder = createIsPlaceholder({
  values: ['till-1', 'Walk-In Customer'],
  patterns: ['^test[0-9]+@', '@example\\.invalid$'],
})

describe('a placeholder is no identifier', () => {
  test.each([
    ...builtInPlaceholders,
    '',
    ' ',
    '\t',
    '0',
    '000',
    '-',
    '--',
    '00000000-0000-0000-0000-000000000000',
    '0x0',
    '0x000000',
    '0X00',
    '0x',
    '"null"',
    "'undefined'",
    '`none`',
    '""null""',
    '" null "',
    "''",
    '“unknown”',
    '"null',
    "null'",
    'NULL',
    'Undefined',
    'NaN',
    'N/A',
    'GUEST',
    '[object Object]',
    'True',
    ' -1 ',
    'till-1',
    'TILL-1',
    '"walk-in customer"',
    'Test12@shop.example',
    'anybody@example.invalid',
  ])('%j', (value) => {
    expect(isPlaceholder(value)).toBe(true)
  })
})

describe('what only looks like one is an identifier', () => {
  test.each([
    '1',
    '10',
    '0x01',
    '00000000-0000-0000-0000-000000000001',
    'nullable',
    'id1',
    'email@shop.example',
    '-2',
    '0a',
    'testing@shop.example',
    'guest42',
    'O’Brien',
  ])('%j', (value) => {
    expect(isPlaceholder(value)).toBe(false)
  })
})

test('case, white space and quotes never make a placeholder an identifier', () => {
  const quotes = fc
    .array(fc.constantFrom('"', "'", '`', ' '), { maxLength: 3 })
    .map((parts) => parts.join(''))
  const cased = fc.constantFrom(...builtInPlaceholders).chain((text) => fc.mixedCase(fc.constant(text)))
  fc.assert(
    fc.property(cased, quotes, quotes, (text, before, after) => {
      expect(isPlaceholder(before + text + after)).toBe(true)
    }),
  )
})
