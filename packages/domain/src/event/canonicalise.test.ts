import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { canonicalText, canonicalise, isCanonical, mayNeedCanonicalising } from './canonicalise.ts'
import { type Json } from './json.ts'

test.each([
  ['plain', 'plain'],
  ['a\0b', 'a\uFFFDb'],
  ['\uD800', '\uFFFD'],
  ['x\uDC00y', 'x\uFFFDy'],
  ['\uD83D\uDE00', '😀'],
  ['\uD83D\uD83D\uDE00', '\uFFFD😀'],
])('%j becomes %j', (text, canonical) => {
  expect(canonicalText(text)).toBe(canonical)
})

test('keys are made canonical too, and "__proto__" is a key like any other', () => {
  const value = JSON.parse('{"a\\u0000":["\\ud800",{"__proto__":{"x":1}}],"n":1}') as Json
  expect(JSON.stringify(canonicalise(value))).toBe('{"a\uFFFD":["\uFFFD",{"__proto__":{"x":1}}],"n":1}')
  expect(({} as { x?: number }).x).toBeUndefined()
})

const anyText = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
})
const anyJson = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    anyText,
    fc.double(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(anyText, tie('value'), { maxKeys: 4 }),
  ),
})).value

test('canonical text is well-formed, without NUL, and canonical already', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const canonical = canonicalText(text)
      expect(Buffer.from(canonical).toString()).toBe(canonical)
      expect(canonical).not.toContain('\0')
      expect(canonicalText(canonical)).toBe(canonical)
    }),
  )
})

test('whatever needs canonicalising is found from the text of the JSON', () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      const text = JSON.stringify(value)
      expect(isCanonical(value) || mayNeedCanonicalising(text)).toBe(true)
      const again = canonicalise(JSON.parse(text) as Json)
      expect(JSON.stringify(canonicalise(again))).toBe(JSON.stringify(again))
    }),
  )
})
