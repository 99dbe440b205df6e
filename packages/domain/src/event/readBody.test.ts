import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type BodyProblem, type ReceivedBody, readBatch, readSingle } from './readBody.ts'

const limits = { maxItems: 100 }

function batch(text: string | Uint8Array): ReceivedBody {
  const body = readBatch(Buffer.from(text), limits)
  if ('code' in body) throw new Error(body.message)
  return body
}

const textsOf = (body: ReceivedBody): string[] => body.items.map((item) => Buffer.from(item.bytes).toString())

test('each event of a batch keeps its own bytes', () => {
  const events = [
    '{"n":9007199254740993,"n":18446744073709551616}',
    '{ "z" : 1 , "a" : "\\u0000\\ud800" }',
    '{"e":1e999,"text":"]},{[\\"batch\\":"}',
    '{"key order":1,"b":2,"a":3}',
  ]
  const body = batch(`{"sentAt":"x","batch":[${events.join(' ,\n')}],"writeKey":"k"}`)
  expect(textsOf(body)).toEqual(events)
  expect(body.envelope).toEqual({ sentAt: 'x', writeKey: 'k' })
})

test('"batch" is found however its name is written, and only at the top', () => {
  expect(textsOf(batch('{"context":{"batch":[1]},"b\\u0061tch":[{"a":1}]}'))).toEqual(['{"a":1}'])
})

test('bytes that are no UTF-8 stay as they are in the slice', () => {
  const body = batch(
    Buffer.concat([Buffer.from('{"batch":[{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}]}')]),
  )
  expect(Buffer.from(body.items[0]!.bytes).includes(Buffer.from([0xff, 0xfe]))).toBe(true)
  expect(body.items[0]!.value).toEqual({ a: '\uFFFD\uFFFD' })
})

test('a byte order mark and white space around the body belong to no event', () => {
  expect(textsOf(batch('\uFEFF \n{"batch":[{"a":1}]}\n'))).toEqual(['{"a":1}'])
  const single = readSingle(Buffer.from('\uFEFF {"a":1}\n'))
  expect('bytes' in single && Buffer.from(single.bytes).toString()).toBe('{"a":1}')
})

describe('a body that is no JSON or no batch is refused whole', () => {
  test.each<[string, BodyProblem['code']]>([
    ['', 'invalid_json'],
    ['{', 'invalid_json'],
    ['{"batch":[{"a":1},]}', 'invalid_json'],
    ['{"batch":[{"a":1} {"b":2}]}', 'invalid_json'],
    ['{"batch":[{"a":01}]}', 'invalid_json'],
    ['{"batch":[{a:1}]}', 'invalid_json'],
    ['{"batch":[{"a":1}]} x', 'invalid_json'],
    ['{"batch":[{"a":tru}]}', 'invalid_json'],
    ['{"batch":[{"a":"\u0001"}]}', 'invalid_json'],
    ['{"batch":[{"a":[1}]}', 'invalid_json'],
    ['{"batch":[{"a":1}],"x":nope}', 'invalid_json'],
    ["{'batch':[]}", 'invalid_json'],
    ['{"batch":[],}', 'invalid_json'],
    ['[{"a":1}]', 'invalid_body'],
    ['"text"', 'invalid_body'],
    ['{}', 'invalid_body'],
    ['{"batch":{}}', 'invalid_body'],
    ['{"batch":null}', 'invalid_body'],
    ['{"batch":[{"a":1}],"batch":[{"b":1}]}', 'invalid_body'],
    [`{"batch":[${'0,'.repeat(100)}0]}`, 'too_many_events'],
  ])('%s', (text, code) => {
    const body = readBatch(Buffer.from(text), limits)
    expect('code' in body ? body.code : 'read').toBe(code)
  })
})

test('an empty batch is a batch of nothing', () => {
  expect(batch('{"batch":[]}').items).toEqual([])
})

test('what is read is what JSON.parse reads, and what it refuses is refused', () => {
  const pieces = fc.constantFrom(
    '{"batch":[',
    ']}',
    '{"a":1}',
    '{"b":[1,{"c":"}"}]}',
    ',',
    ' ',
    '"x":1',
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ':',
    'null',
    '1e5',
  )
  fc.assert(
    fc.property(
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
      (text) => {
        let parsed: unknown
        try {
          parsed = JSON.parse(text)
        } catch {
          parsed = undefined
        }
        const read = readBatch(Buffer.from(text), limits)
        const outcome = 'code' in read ? read.code : read.items.map((item) => item.value)
        const isBatch = typeof parsed === 'object' && parsed !== null && 'batch' in parsed
        expect([
          // A body may hold "batch" twice, which JSON.parse does not show.
          ...(parsed === undefined ? ['invalid_json', 'invalid_body'] : ['invalid_body']),
          ...(isBatch ? [(parsed as { batch: unknown }).batch] : []),
        ]).toContainEqual(outcome)
      },
    ),
    { numRuns: 2000 },
  )
})

test('the shared parts of a batch are measured, because they are repeated in each event', () => {
  const body = batch('{"context":{"a":[1]},"integrations":{},"other":"xxxxxxxxx","batch":[]}')
  expect(body.sharedBytes).toBe('{"a":[1]}'.length + '{}'.length)
  expect(body.envelopeDepth).toBe(2)
})
