import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { gzipSync } from 'node:zlib'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type RejectedRecord } from '@tributary/contracts'
import {
  type MemoryLog,
  type TestCollector,
  createMemoryLog,
  exampleSources,
  startTestCollector,
  workspaceOf,
} from '../testing/index.ts'

/** 27 events, hostile and valid, at nine places each: 243 bodies. */
let log: MemoryLog
let collector: TestCollector

beforeAll(async () => {
  log = createMemoryLog()
  collector = await startTestCollector(log)
  collector.adopt(workspaceOf(exampleSources))
})
afterAll(() => collector.stop())

const nested = (levels: number) =>
  `{"type":"page","context":${'{"a":'.repeat(levels - 2)}{}${'}'.repeat(levels - 2)}}`
const sized = (bytes: number) => {
  const frame = '{"type":"page","name":""}'
  return `${frame.slice(0, -2)}${'x'.repeat(bytes - frame.length)}"}`
}
const LIMIT = 256 * 1024

/** The verdict on each: accepted, or the code of its reject. */
const events: readonly (readonly [string, string, string])[] = [
  ['an integer over 2^53', '{"type":"page","userId":9007199254740993}', 'accepted'],
  ['an integer over 2^64', '{"type":"page","properties":{"n":18446744073709551617}}', 'accepted'],
  ['exponents', '{"type":"page","properties":{"n":[1e400,-1E-400,1.50e+2,-0.0]}}', 'accepted'],
  ['a key twice', '{"type":"page","properties":{"a":1,"a":2}}', 'accepted'],
  ['the type twice: the last holds', '{"type":"nonsense","type":"page"}', 'accepted'],
  ['keys in an order of their own', '{"z":1,"type":"page","10":1,"9":1,"a":1}', 'accepted'],
  ['escapes', '{"type":"page","name":"\\u0061\\/\\b\\f\\n\\r\\t\\"\\\\"}', 'accepted'],
  ['white space inside', '{ \t"type" :\r\n"page" , "properties" : { } }', 'accepted'],
  ['a lone surrogate', '{"type":"page","name":"\\ud800"}', 'accepted'],
  ['surrogates the wrong way round', '{"type":"page","name":"\\udc00\\ud800"}', 'accepted'],
  ['NUL', '{"type":"page","userId":"a\\u0000b"}', 'accepted'],
  ['prototypes', '{"__proto__":{"type":"alias"},"type":"page","constructor":{"prototype":1}}', 'accepted'],
  ['characters of four bytes', '{"type":"page","name":"😀𝒳"}', 'accepted'],
  ['31 levels', nested(31), 'accepted'],
  ['32 levels', nested(32), 'accepted'],
  ['33 levels', nested(33), 'too_deep'],
  ['one byte less than the limit', sized(LIMIT - 1), 'name_too_long'],
  ['one byte more than the limit', sized(LIMIT + 1), 'event_too_large'],
  ['an identifier that is a number', '{"type":"page","userId":7}', 'accepted'],
  ['an identifier that is a fraction', '{"type":"page","userId":7.5}', 'accepted'],
  ['an identifier that is a boolean', '{"type":"page","userId":true}', 'accepted'],
  ['an identifier that is an object', '{"type":"page","userId":{"id":"u1"}}', 'accepted'],
  ['an identifier that is a list', '{"type":"page","userId":["u1"]}', 'accepted'],
  ['traits that are a list', '{"type":"identify","traits":[]}', 'invalid_field'],
  ['a track without a name', '{"type":"track","event":" "}', 'missing_event_name'],
  ['no type', '{}', 'unknown_type'],
  ['a type that is a number', '{"type":1}', 'unknown_type'],
]

interface Place {
  readonly name: string
  readonly body: (event: string) => string
  readonly zip?: true
  /** Events beside it, all good. */
  readonly others: number
}

const GOOD = '{"type":"page","messageId":"good"}'
const places: readonly Place[] = [
  { name: 'alone in a batch', body: (event) => `{"batch":[${event}]}`, others: 0 },
  { name: 'first', body: (event) => `{"batch":[${event},${GOOD}]}`, others: 1 },
  { name: 'last', body: (event) => `{"batch":[${GOOD},${event}]}`, others: 1 },
  { name: 'between', body: (event) => `{"batch":[${GOOD},${event},${GOOD}]}`, others: 2 },
  { name: 'among white space', body: (event) => `\r\n{ "batch" : [ \t${event}\n ] }\n\n`, others: 0 },
  { name: 'after a byte order mark', body: (event) => `\ufeff{"batch":[${event}]}`, others: 0 },
  { name: 'gzipped', body: (event) => `{"batch":[${event}]}`, zip: true, others: 0 },
  {
    name: 'with more beside the batch',
    body: (event) => `{"x":[{"batch":[]}],"batch":[${event}],"sentAt":"?"}`,
    others: 0,
  },
  { name: 'in a batch whose name is escaped', body: (event) => `{"b\\u0061tch":[${event}]}`, others: 0 },
]

test.each(events.flatMap((event) => places.map((place) => [event[0], place.name, event, place] as const)))(
  '%s, %s: its verdict, and its bytes as they were sent',
  async (_event, _place, [, text, expected], { body, zip, others }) => {
    const before = [log.records('events').length, log.records('rejected').length]
    const bytes = Buffer.from(body(text))
    const response = await fetch(`${collector.url}/v1/batch`, {
      method: 'POST',
      headers: { 'x-write-key': 'wk_web_1' },
      body: new Uint8Array(zip ? gzipSync(bytes) : bytes),
    })
    const answer = (await response.json()) as { accepted: number; rejected: { code: string }[] }
    const isAccepted = expected === 'accepted'
    expect([response.status, answer.accepted, answer.rejected.map(({ code }) => code)]).toEqual([
      200,
      others + (isAccepted ? 1 : 0),
      isAccepted ? [] : [expected],
    ])
    const accepted = log.records('events').slice(before[0])
    const rejected = log.records('rejected').slice(before[1])
    const kept = isAccepted
      ? accepted.flatMap(({ value }) => {
          const { record } = EventRecord.decode(value)
          return record?.$case === 'event' ? [Buffer.from(record.value.raw).toString()] : []
        })
      : rejected.map(({ value }) =>
          Buffer.from(
            (JSON.parse(Buffer.from(value).toString()) as RejectedRecord).input,
            'base64',
          ).toString(),
        )
    expect(kept).toContain(text)
    expect([accepted.length, rejected.length]).toEqual([answer.accepted, answer.rejected.length])
    expect([collector.faults, collector.inFlight.bytes]).toEqual([[], 0])
  },
)
