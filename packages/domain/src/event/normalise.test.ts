import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MAX_IDENTIFIER_LENGTH, normaliseIdentifier } from './normalise.ts'

const phone = (value: string): string | undefined =>
  /^\+?[0-9 ]{6,}$/.test(value) ? `+${value.replace(/\D/g, '')}` : undefined

test.each([
  ['email', ' Ada@Shop.Example ', { value: 'ada@shop.example' }],
  ['email', 'ＡＤＡ@shop.example', { value: 'ada@shop.example' }],
  ['email', 'STRASSE@SHOP.EXAMPLE', { value: 'strasse@shop.example' }],
  ['email', 'e\u0301ve@shop.example', { value: 'éve@shop.example' }],
  ['email', 'ada', { failure: 'not_an_email' }],
  ['email', 'ada@', { failure: 'not_an_email' }],
  ['email', 'a b@shop.example', { failure: 'not_an_email' }],
  ['email', 'a@b@c', { failure: 'not_an_email' }],
  ['phone', ' +33 6 12 34 56 78', { value: '+33612345678' }],
  ['phone', 'call me', { failure: 'not_a_phone' }],
  ['trim', '  U-1 ', { value: 'U-1' }],
  ['trim', '\u00a0U-1\u2003', { value: 'U-1' }],
  ['trim', 'a\0b', { failure: 'damaged' }],
  ['trim', 'a\ud800b', { failure: 'damaged' }],
  ['trim', 'a\uFFFDb', { failure: 'damaged' }],
  ['trim', '   ', { failure: 'blank' }],
  ['trim', 'x'.repeat(MAX_IDENTIFIER_LENGTH), { value: 'x'.repeat(MAX_IDENTIFIER_LENGTH) }],
  ['trim', 'x'.repeat(MAX_IDENTIFIER_LENGTH + 1), { failure: 'too_long' }],
] as const)('%s of %j is %j', (name, value, expected) => {
  expect(normaliseIdentifier(name, value, phone)).toEqual(expected)
})

test('what is normal stays as it is', () => {
  const emails = fc
    .tuple(fc.string({ minLength: 1, unit: 'grapheme' }), fc.domain())
    .map(([local, domain]) => `${local}@${domain}`)
  fc.assert(
    fc.property(
      fc.constantFrom('email' as const, 'trim' as const),
      fc.oneof(emails, fc.string({ unit: 'binary' })),
      (name, value) => {
        const once = normaliseIdentifier(name, value, phone)
        const again = 'value' in once ? normaliseIdentifier(name, once.value, phone) : once
        expect(again).toEqual(once)
      },
    ),
    { numRuns: 1000 },
  )
})
