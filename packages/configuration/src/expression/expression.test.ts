import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { type Json, parseExact } from '@tributary/domain'
import { compileFieldExpression } from './fieldExpression.ts'
import { type Expression } from './expression.ts'

const item: Record<string, Json> = {
  profileId: 'p-0',
  version: '0001-000000000000000007',
  time: '2026-01-31T18:00:00.123Z',
  change: 'entered',
  audience: 'vip',
  mergedInto: null,
  identifiers: { email: 'Ada@Example.com', phone: '+33 6 12 34' },
  traits: {
    first_name: 'Ada',
    last_name: 'Byron',
    age: 36,
    tags: ['a', 'b'],
    big: parseExact('9007199254740993'),
  },
  computed: { orders: 3 },
  audiences: { vip: { since: '2026-01-01T00:00:00.000Z' } },
  consent: { email: true },
}
const compiled = (text: string): Expression => {
  const found = compileFieldExpression(text)
  if ('problem' in found) throw new Error(found.problem)
  return found
}

describe('an expression over the item', () => {
  test.each<[string, Json]>([
    ['traits.first_name + " " + traits.last_name', 'Ada Byron'],
    ['computed.orders >= 3 ? "vip" : "new"', 'vip'],
    [
      'sha256(identifiers.email.lowerAscii().trim())',
      createHash('sha256').update('ada@example.com').digest('hex'),
    ],
    ['digits(identifiers.phone)', '3361234'],
    ['epochSeconds(time)', 1_769_882_400],
    ['epochMillis(time)', 1_769_882_400_123],
    ['"vip" in audiences', true],
    ['has(traits.nickname) ? traits.nickname : traits.first_name', 'Ada'],
    ['traits.?nickname.orValue("none")', 'none'],
    ['{"name": traits.first_name, "tags": traits.tags}', { name: 'Ada', tags: ['a', 'b'] }],
    ['size(traits.tags)', 2],
    ['traits.age', 36],
    ['mergedInto', null],
  ])('%s', (text, expected) => {
    expect(compiled(text).evaluate(item)).toEqual(expected)
  })

  test('a whole number that JavaScript cannot hold comes out as it went in', () => {
    expect(JSON.stringify(compiled('traits.big').evaluate(item))).toBe('9007199254740993')
    expect(JSON.stringify(compiled('traits.big + 1').evaluate(item))).toBe('9007199254740994')
  })

  test.each([
    'traits.nickname',
    'traits.first_name + 1',
    'epochSeconds(traits.first_name)',
    'traits.tags[5]',
  ])('what cannot be worked out for one person is null: %s', (text) => {
    expect(compiled(text).evaluate(item)).toBeNull()
  })

  test.each([
    ['trait.first_name', 'Unknown variable: trait'],
    ['identifiers.email + 1', 'no such overload: string + int'],
    ['traits.first_name +', 'Unexpected token'],
    ['shout(change)', 'found no matching overload'],
    ['traits.x.matches("(a+)+$")', 'uses matches()'],
    [`"${'x'.repeat(1_000)}"`, 'is longer than 1000 characters'],
    [Array.from({ length: 200 }, () => '1').join('+'), 'maxAstNodes'],
  ])('what can work for nobody is refused: %s', (text, problem) => {
    const found = compileFieldExpression(text)
    expect('problem' in found ? found.problem : 'compiled').toContain(problem)
  })
})
