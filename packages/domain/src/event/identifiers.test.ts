import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseExact } from './exactJson.ts'
import { type FoundIdentifiers, findIdentifiers, prepareRules } from './identifiers.ts'
import {
  type IdentifierRule,
  type IdentityRules,
  anchorRulesText,
  defaultIdentifierRules,
} from './identityRules.ts'
import { type Json } from './json.ts'

const loyalty: IdentifierRule = {
  type: 'loyalty_id',
  strength: 'strong',
  maxPerProfile: 1,
  normaliser: 'trim',
  normaliserVersion: 1,
  pattern: 'L[0-9]+',
  from: ['traits.loyalty', 'properties.card'],
}
const rules: IdentityRules = {
  types: [defaultIdentifierRules[0]!, loyalty, ...defaultIdentifierRules.slice(1)],
  placeholders: { values: ['walk-in'], patterns: [] },
  blocked: [{ type: 'email', value: ' Till@shop.example' }],
  hash: 'h1',
}
const prepared = prepareRules(rules, {
  hashIdentifier: (type, version, value) => `${type}/${version}/${value}`,
  phone: (value) => (/^\+[0-9]+$/.test(value) ? value : undefined),
})

function find(text: string, isGroup = false): FoundIdentifiers {
  return findIdentifiers(JSON.parse(text) as Json, prepared, {
    max: 20,
    isGroup,
    exact: () => parseExact(text),
  })
}
const found = (text: string, isGroup = false): string[] =>
  find(text, isGroup).identifiers.map((each) => `${each.type}=${each.value}`)

describe('identifiers are found where the SDKs put them, strongest first', () => {
  test.each<[string, string[]]>([
    ['{"userId":"u1"}', ['user_id=u1']],
    ['{"anonymousId":"a1","userId":"u1"}', ['user_id=u1', 'anonymous_id=a1']],
    ['{"traits":{"email":"Ada@Shop.example"}}', ['email=ada@shop.example']],
    [
      '{"context":{"traits":{"email":"ada@shop.example","phone":"+331"}}}',
      ['email=ada@shop.example', 'phone=+331'],
    ],
    ['{"context":{"device":{"id":"d1"}},"anonymousId":"a1"}', ['device_id=d1', 'anonymous_id=a1']],
    ['{"traits":{"email":"a@x"},"context":{"traits":{"email":"A@x"}}}', ['email=a@x']],
    ['{"traits":{"email":"a@x"},"context":{"traits":{"email":"b@x"}}}', ['email=a@x', 'email=b@x']],
    [
      '{"traits":{"loyalty":"L1"},"properties":{"card":"L2"},"userId":"u1"}',
      ['user_id=u1', 'loyalty_id=L1', 'loyalty_id=L2'],
    ],
    [
      '{"context":{"externalIds":[{"id":"L7","type":"loyalty_id","collection":"users","encoding":"none"}]}}',
      ['loyalty_id=L7'],
    ],
    ['{"context":{"externalIds":[{"id":"L7","type":"loyalty_id","collection":"accounts"}]}}', []],
    ['{"context":{"externalIds":[{"id":"x","type":"unheard_of"},null,3]}}', []],
    ['{"properties":{"email":"friend@x"},"email":"top@x","user_id":"u"}', []],
  ])('%s', (text, expected) => {
    expect(found(text)).toEqual(expected)
  })
})

test('the traits of a group event are the group’s, not the person’s', () => {
  expect(
    found('{"userId":"u1","traits":{"email":"office@x"},"context":{"traits":{"email":"a@x"}}}', true),
  ).toEqual(['user_id=u1', 'email=a@x'])
})

describe('each JSON type of an identifier has one treatment', () => {
  test.each<[string, string[], string[]]>([
    ['"u1"', ['user_id=u1'], []],
    ['42', ['user_id=42'], []],
    ['-7', ['user_id=-7'], []],
    ['12.0', ['user_id=12'], []],
    ['9007199254740991', ['user_id=9007199254740991'], []],
    ['9007199254740993', ['user_id=9007199254740993'], []],
    ['18446744073709551616', ['user_id=18446744073709551616'], []],
    ['1152921504606846976', ['user_id=1152921504606846976'], []],
    ['1.5', [], ['wrong_type']],
    ['9007199254740993.5', [], ['wrong_type']],
    ['1e999', [], ['wrong_type']],
    ['0', [], ['placeholder']],
    ['true', [], ['wrong_type']],
    ['{"id":"u1"}', [], ['wrong_type']],
    ['["u1"]', [], ['wrong_type']],
    ['null', [], []],
    ['""', [], ['blank']],
    ['"undefined"', [], ['placeholder']],
    ['"Walk-In"', [], ['placeholder']],
    ['"a\\u0000b"', [], ['damaged']],
    ['"\\ud800"', [], ['damaged']],
    [`"${'x'.repeat(513)}"`, [], ['too_long']],
  ])('%s', (value, identifiers, reasons) => {
    const result = find(`{"userId":${value}}`)
    expect(result.identifiers.map((each) => `${each.type}=${each.value}`)).toEqual(identifiers)
    expect(result.ignored.map((each) => each.reason)).toEqual(reasons)
  })
})

test('validators and blocked values of the rules are kept', () => {
  const result = find('{"traits":{"loyalty":"X1","email":"TILL@shop.example","phone":"call me"}}')
  expect(result.identifiers).toEqual([])
  expect(result.ignored).toEqual([
    { type: 'loyalty_id', reason: 'pattern' },
    { type: 'email', reason: 'blocked' },
    { type: 'phone', reason: 'not_a_phone' },
  ])
})

test('beyond the limit the weakest are left out, and it is said', () => {
  const ids = Array.from({ length: 25 }, (_, i) => `{"type":"loyalty_id","id":"L${i}"}`)
  const result = find(`{"anonymousId":"a1","userId":"u1","context":{"externalIds":[${ids.join(',')}]}}`)
  expect(result.identifiers).toHaveLength(20)
  expect(result.identifiers[0]).toMatchObject({ type: 'user_id', value: 'u1' })
  expect(result.ignored.filter((each) => each.reason === 'too_many')).toHaveLength(7)
})

test('the identifier id is the hash of type, normaliser version and normalised value', () => {
  expect(find('{"traits":{"email":" A@x "}}').identifiers[0]?.id).toBe('email/1/a@x')
})

test('whatever an event looks like, identifiers come in the order of the rules, each once', () => {
  const key = fc.constantFrom(
    'userId',
    'anonymousId',
    'traits',
    'context',
    'device',
    'id',
    'email',
    'phone',
    'externalIds',
    'type',
  )
  const event = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Json>('u1', 'a@x', '+331', 'loyalty_id', 'email', 7, null, true),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    ),
  })).value
  const order = rules.types.map((each) => each.type)
  fc.assert(
    fc.property(event, (value) => {
      const identifiers = find(JSON.stringify(value)).identifiers
      const ranks = identifiers.map((each) => order.indexOf(each.type))
      expect(ranks).toEqual([...ranks].sort((a, b) => a - b))
      expect(new Set(identifiers.map((each) => each.id)).size).toBe(identifiers.length)
    }),
  )
})

test('only what can move an anchor is in the text of the rules', () => {
  const text = anchorRulesText(rules)
  const limits = rules.types.map((each) => ({ ...each, maxPerProfile: 9, sharedAfter: 9 }))
  expect(anchorRulesText({ ...rules, types: limits, blocked: [] })).toBe(text)
  expect(anchorRulesText({ ...rules, types: rules.types.toReversed() })).not.toBe(text)
  expect(anchorRulesText({ ...rules, placeholders: { values: ['x'], patterns: [] } })).not.toBe(text)
  expect(
    anchorRulesText({ ...rules, types: rules.types.map((each) => ({ ...each, normaliserVersion: 2 })) }),
  ).not.toBe(text)
})
