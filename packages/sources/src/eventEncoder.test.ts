import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type AcceptedEvent, type TimeFlag, eventTypes } from '@tributary/domain'
import { createEventEncoder } from './eventEncoder.ts'

const TYPES = eventTypes
const FLAGS: readonly TimeFlag[] = ['uncorrected', 'missing', 'unreadable', 'future', 'zone-assumed']

/** What the generated code makes of the same event. */
function generated(event: AcceptedEvent): Buffer {
  return Buffer.from(
    EventRecord.encode({
      record: {
        $case: 'event',
        value: {
          messageId: event.messageId,
          messageIdGenerated: event.messageIdGenerated,
          sourceId: event.sourceId,
          type: (TYPES.indexOf(event.type) + 1) as 1,
          name: event.name,
          anchor: event.anchor,
          identifiers: [...event.identifiers],
          previous: event.previous,
          timeMs: event.timeMs,
          originalTimeMs: event.originalMs,
          sentTimeMs: event.sentMs,
          receivedTimeMs: event.receivedMs,
          timeFlags: event.flags.map((flag) => (FLAGS.indexOf(flag) + 1) as 1),
          raw: Buffer.from(event.raw),
          payload: event.payload && Buffer.from(event.payload),
          origin: event.origin,
          identityRules: event.identityRules,
          trusted: event.trusted,
          epoch: event.epoch,
          erases: event.erases,
        },
      },
    }).finish(),
  )
}

const text = fc.oneof(
  fc.string({ maxLength: 100 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom('', '\ud800', 'é'.repeat(64), 'x'.repeat(79), 'x'.repeat(128), 'x'.repeat(20_000)),
)
const ms = fc.oneof(
  fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
  fc.constantFrom(0, -1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 35),
)
const identifier = fc.record({ type: text, value: text, id: text })
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.integer({ min: 0, max: 300_000 }).map((size) => new Uint8Array(size).fill(0x61)),
)
const accepted: fc.Arbitrary<AcceptedEvent> = fc.record(
  {
    messageId: text,
    messageIdGenerated: fc.boolean(),
    sourceId: text,
    type: fc.constantFrom(...TYPES),
    name: text,
    anchor: text,
    identifiers: fc.array(identifier, { maxLength: 20 }),
    previous: identifier,
    timeMs: ms,
    originalMs: ms,
    sentMs: ms,
    receivedMs: ms,
    flags: fc.uniqueArray(fc.constantFrom(...FLAGS)),
    raw: bytes,
    payload: bytes,
    origin: text,
    identityRules: text,
    trusted: fc.boolean(),
    epoch: fc.nat({ max: 2 ** 31 - 1 }),
    erases: fc.constant(true as const),
  },
  {
    requiredKeys: [
      'messageId',
      'messageIdGenerated',
      'sourceId',
      'type',
      'name',
      'anchor',
      'identifiers',
      'timeMs',
      'receivedMs',
      'flags',
      'raw',
      'origin',
      'identityRules',
      'trusted',
      'epoch',
    ],
  },
)

describe('the record written by hand', () => {
  test('is that of the generated encoder to the byte, and stays so when others follow', () => {
    fc.assert(
      fc.property(fc.array(accepted, { minLength: 1, maxLength: 8 }), (events) => {
        const encode = createEventEncoder()
        const written = events.map((event) => encode(event))
        expect(written.map((each) => each.toString('hex'))).toEqual(
          events.map((event) => generated(event).toString('hex')),
        )
      }),
      { numRuns: 300 },
    )
  })
})
