import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Circumstances, admitEvent, defaultEventLimits } from './admitEvent.ts'
import { prepareRules } from './identifiers.ts'
import { defaultIdentifierRules } from './identityRules.ts'
import { type Json, isJsonObject } from './json.ts'
import { type Path, readPath } from './path.ts'
import { type Decode, readBatch, readSingle } from './readBody.ts'
import { skimJson } from './skimJson.ts'
import { sliceValue } from './sliceJson.ts'
import { wantedMembers } from './wanted.ts'

const PATHS: readonly Path[] = [
  ['type'],
  ['userId'],
  ['traits', 'email'],
  ['context', 'traits', 'email'],
  ['list', '0'],
  ['é'],
]
const KINDS: readonly Path[] = [['properties'], ['traits']]
const wanted = wantedMembers(PATHS, KINDS)
const decode: Decode = (bytes, start, end) => (bytes as Buffer).toString('utf8', start, end)
const skim = (text: string, at = 0) => skimJson(Buffer.from(text), at, wanted, decode)

/** A JSON text as nobody's JSON.stringify would write it: spaces, keys that come twice, escapes, numbers of any look. */
const space = fc.constantFrom('', '', '', ' ', '\n\t', '\r ')
const scalar = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    'false',
    '0',
    '-0',
    '1e5',
    '-1.50E-10',
    '12345678901234567890',
    '1e999',
    '0.1',
    '""',
  ),
  fc.string().map((text) => JSON.stringify(text)),
  fc.constantFrom(
    '"\\u00e9"',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '"\\u0000"',
    '"\\ud83d\\ude00"',
    '"\\ud800"',
    '"\uFFFD"',
    '"\u00ef\u00bf"',
    '"€😀"',
    '"\\u0001"',
  ),
)
const key = fc.oneof(
  fc
    .constantFrom(
      'type',
      'userId',
      'traits',
      'email',
      'context',
      'list',
      'properties',
      '0',
      'é',
      '__proto__',
      'constructor',
      'messageId',
    )
    .map((text) => `"${text}"`),
  fc.constantFrom('"ty\\u0070e"', '"trait\\u0073"', '"x\\\\"'),
  fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text)),
)
const { object } = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    tie('object'),
    fc
      .tuple(fc.array(fc.tuple(space, tie('value'), space), { maxLength: 4 }), space)
      .map(([elements, gap]) => `[${gap}${elements.map((each) => each.join('')).join(',')}]`),
  ),
  object: fc
    .tuple(fc.array(fc.tuple(space, key, space, tie('value'), space), { maxLength: 6 }), space)
    .map(
      ([members, gap]) =>
        `{${gap}${members.map(([before, name, middle, value, after]) => `${before}${name}${middle}:${middle}${value}${after}`).join(',')}}`,
    ),
}))
/** The same with a byte changed, put in or left out, or cut off. */
const hostile = fc
  .tuple(
    object,
    fc.nat(),
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ',',
      ':',
      '0',
      '-',
      '.',
      'e',
      'u',
      ' ',
      '\u0001',
      '\u0000',
      '\u007f',
      '\u00a0',
      'x',
    ),
    fc.nat(3),
  )
  .map(([text, place, piece, how]) => {
    const at = place % (text.length + 1)
    if (how === 0) return text.slice(0, at)
    if (how === 1) return text.slice(0, at) + text.slice(at + 1)
    return text.slice(0, at) + piece + text.slice(how === 2 ? at : at + 1)
  })

/** What JSON.parse gives of the same bytes, and null for what it refuses. */
function parsed(text: string): { value: Json; end: number; depth: number } | undefined {
  const bytes = Buffer.from(text)
  const slice = sliceValue(bytes, 0)
  if ('problem' in slice) return undefined
  try {
    return {
      value: JSON.parse(bytes.toString('utf8', 0, slice.end)) as Json,
      end: slice.end,
      depth: slice.depth,
    }
  } catch {
    return undefined
  }
}

test.each([
  ['written in any way', object],
  ['and broken in any way', hostile],
])('what is skimmed is what JSON.parse and the slices say, of an object %s', (_how, texts) => {
  fc.assert(
    fc.property(texts, (text) => {
      const skimmed = skim(text)
      if (!skimmed) return
      const whole = parsed(text)
      expect({ end: skimmed.end, depth: skimmed.depth }).toEqual({ end: whole?.end, depth: whole?.depth })
      for (const path of PATHS) expect(readPath(skimmed.value, path)).toEqual(readPath(whole!.value, path))
      for (const path of KINDS)
        expect(isJsonObject(readPath(skimmed.value, path))).toBe(isJsonObject(readPath(whole!.value, path)))
      expect(JSON.stringify(whole!.value)).not.toMatch(/\\u0000|\\ud[89a-f]|\uFFFD/)
    }),
    { numRuns: 4000 },
  )
})

test('nothing that any SDK would send is left to JSON.parse', () => {
  const usual = fc.dictionary(
    fc.stringMatching(/^[a-z_ $]*$/),
    fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' }),
  )
  fc.assert(
    fc.property(usual, fc.constantFrom(0, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      fc.pre(!/\\u0000|\uFFFD/.test(text))
      expect(skim(text)?.end).toBe(Buffer.byteLength(text))
    }),
    { numRuns: 1000 },
  )
})

describe('left to JSON.parse', () => {
  test.each([
    ['no object', '[]'],
    ['a key on the way that is written with escapes', '{"ty\\u0070e":"track"}'],
    ['an escaped NUL', '{"x":"\\u0000"}'],
    ['half a surrogate pair', '{"x":["\\ud800"]}'],
    ['the replacement character', '{"x":"\uFFFD"}'],
    ['more than 31 levels', `{"x":${'['.repeat(31)}${']'.repeat(31)}}`],
  ])('%s', (_what, text) => {
    expect(skim(text)).toBeUndefined()
  })
  test('31 levels are not', () => {
    expect(skim(`{"x":${'['.repeat(30)}${']'.repeat(30)}}`)).toMatchObject({ depth: 31 })
  })
})

test('of two members with one key the last counts, also when it is no object', () => {
  expect(skim('{"traits":{"email":"a"},"traits":7,"type":"x","type":"y"}')?.value).toMatchObject({
    traits: 7,
    type: 'y',
  })
})

test('only what is wanted is built', () => {
  const { value } = skim(
    '{"type":"x","properties":{"a":1},"traits":{"email":"e","b":[2]},"c":3,"__proto__":{"z":1}}',
  )!
  expect(JSON.parse(JSON.stringify(value))).toEqual({ type: 'x', properties: {}, traits: { email: 'e' } })
})

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
const rules = prepareRules(
  {
    types: [
      ...defaultIdentifierRules,
      {
        ...defaultIdentifierRules[1]!,
        type: 'card',
        normaliser: 'trim',
        from: ['properties.card', 'context.cards.0'],
      },
    ],
    placeholders: { values: [], patterns: [] },
    blocked: [],
    hash: 'rules-1',
  },
  {
    hashIdentifier: (type, version, value) => hash(`${type}\0${version}\0${value}`),
    phone: (value) => value,
  },
)
const circumstances: Circumstances = {
  sourceId: 'web',
  trusted: false,
  epoch: 1,
  rules,
  limits: defaultEventLimits,
  digest: (parts) => hash(parts.join('\0')),
}

const id = fc.constantFrom(
  'u1',
  'a@example.com',
  7,
  9007199254740993n,
  null,
  true,
  1.5,
  '',
  { a: 1 },
  ['x'],
  '\u0000',
  'é',
  'x'.repeat(300),
)
const member = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      'userId',
      'anonymousId',
      'messageId',
      'groupId',
      'previousId',
      'name',
      'event',
      'writeKey',
    ),
    id,
  ),
  fc.tuple(
    fc.constant('type'),
    fc.constantFrom('track', 'identify', 'page', 'screen', 'group', 'alias', 'x', 1),
  ),
  fc.tuple(
    fc.constantFrom('timestamp', 'originalTimestamp', 'sentAt'),
    fc.constantFrom('2026-11-24T12:00:00Z', '2026-11-24T12:00:00.123Z', 1_795_000_000, 'soon', null, 1e15),
  ),
  fc.tuple(
    fc.constantFrom('traits', 'properties'),
    fc.oneof(id, fc.record({ email: id, phone: id, card: id }, { requiredKeys: [] })),
  ),
  fc.tuple(
    fc.constant('context'),
    fc.oneof(
      id,
      fc.record(
        {
          traits: fc.oneof(id, fc.record({ email: id })),
          device: fc.record({ id }),
          cards: fc.array(id, { maxLength: 2 }),
          externalIds: fc.oneof(
            id,
            fc.array(
              fc.record({
                type: fc.constantFrom('card', 'email', 'y'),
                id,
                collection: fc.constantFrom('users', 'x'),
              }),
              { maxLength: 2 },
            ),
          ),
        },
        { requiredKeys: [] },
      ),
    ),
  ),
)
const write = (value: unknown): string =>
  typeof value === 'bigint'
    ? String(value)
    : Array.isArray(value)
      ? `[${value.map(write).join(',')}]`
      : isJsonObject(value)
        ? `{${Object.entries(value)
            .map(([name, each]) => `${JSON.stringify(name)}:${write(each)}`)
            .join(',')}}`
        : JSON.stringify(value)
const event = fc
  .array(member, { maxLength: 10 })
  .map((members) => `{${members.map(([name, value]) => `"${name}":${write(value)}`).join(',')}}`)

test('the verdict on what was skimmed is the verdict on all of it', () => {
  let skimmed = 0
  const beside = fc.constantFrom(
    undefined,
    { context: { device: { id: 'd1' }, page: {} } },
    { sentAt: 5, timestamp: 'x' },
  )
  fc.assert(
    fc.property(
      event,
      beside,
      fc.option(fc.constantFrom('track', 'identify'), { nil: undefined }),
      (text, shared, type) => {
        const [full, sparse] = [undefined, rules.wanted].map((want) => {
          const item = readSingle(Buffer.from(text), decode, want)
          if ('code' in item) throw new Error(item.message)
          if (item.canonical) skimmed++
          return admitEvent(
            item,
            { ...circumstances, shared, type },
            { origin: 'o', receivedMs: 1_795_000_000_000, newMessageId: () => 'new' },
          )
        })
        expect(sparse).toEqual(full)
      },
    ),
    { numRuns: 4000 },
  )
  expect(skimmed).toBeGreaterThan(1000)
})

test('a batch is read the same, problems included', () => {
  const pieces = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: object },
      { weight: 1, arbitrary: hostile },
      { weight: 1, arbitrary: scalar },
    ),
    { maxLength: 5 },
  )
  fc.assert(
    fc.property(
      pieces,
      fc.constantFrom(',', ' , ', ',,'),
      fc.constantFrom('', ',"writeKey":"k"', ',x'),
      (items, comma, beside) => {
        const body = Buffer.from(`{"batch":[${items.join(comma)}]${beside}}`)
        const [full, sparse] = [undefined, wanted].map((want) => {
          const read = readBatch(body, { maxItems: 4 }, decode, want)
          if ('code' in read) return read
          return {
            ...read,
            items: read.items.map(({ bytes, depth, text, value }) => ({
              bytes: [...bytes],
              depth,
              text: text(),
              type: readPath(value, ['type']),
            })),
          }
        })
        expect(sparse).toEqual(full)
      },
    ),
    { numRuns: 3000 },
  )
})
