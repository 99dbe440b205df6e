import { describe, expect, test } from '@jest/globals'
import { parseExact } from '../event/exactJson.ts'
import { type Json } from '../event/json.ts'
import { type Comparison, compares } from './comparison.ts'

describe('what an operator says of a value', () => {
  test.each<[Json | undefined, Comparison, boolean]>([
    // No value: missing and null are the same.
    [undefined, {}, false],
    [null, {}, false],
    [undefined, { exists: false }, true],
    [null, { exists: true }, false],
    [undefined, { eq: 'a' }, false],
    [null, { ne: 'a' }, true],
    [undefined, { notIn: ['a'] }, true],
    [undefined, { lt: 5 }, false],
    [undefined, { contains: 'a' }, false],
    // No coercion.
    [5, { eq: 5 }, true],
    ['5', { eq: 5 }, false],
    [5, { eq: '5' }, false],
    [1, { eq: true }, false],
    [true, { eq: true }, true],
    ['A', { eq: 'a' }, false],
    [['a'], { eq: 'a' }, false],
    [{}, { ne: 'a' }, true],
    ['a', { in: ['b', 'a'] }, true],
    ['a', { notIn: ['b', 'a'] }, false],
    // Order.
    [5, { gt: 4, lte: 5 }, true],
    [5, { gt: 5 }, false],
    ['5', { gt: 4 }, false],
    ['b', { gt: 'a' }, true],
    ['\u{1F600}', { gt: '\uFFFD' }, true],
    [[5], { gt: 4 }, false],
    [true, { gte: 1 }, false],
    // Texts and lists.
    ['abc', { contains: 'b' }, true],
    ['abc', { contains: 1 }, false],
    [['a', 1], { contains: 1 }, true],
    [['ab'], { contains: 'a' }, false],
    ['abc', { startsWith: 'ab', endsWith: 'bc' }, true],
    [5, { startsWith: '5' }, false],
    [{}, { exists: true }, true],
  ])('%j %j: %s', (value, comparison, expected) => {
    expect(compares(value, comparison)).toBe(expected)
  })

  test('numbers too large for JavaScript compare by their digits', () => {
    const value = parseExact('9007199254740993')
    expect(compares(value, { eq: 9007199254740992 })).toBe(false)
    expect(compares(value, { gt: 9007199254740992 })).toBe(true)
  })
})
