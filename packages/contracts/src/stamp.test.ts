import { expect, test } from '@jest/globals'
import { Skipped } from './generated/tributary/event/v1/skipped.ts'
import { appendStamp } from './stamp.ts'

test('an appended stamp decodes as the stamp of the same message', () => {
  const message = Skipped.fromPartial({
    topic: 'internal.events.v1',
    partition: 3,
    offset: 2 ** 40,
    messageId: 'm1',
  })
  const stamp = { epoch: 1, writer: 'fragment-3', seq: 123_456_789_012 }
  expect(Skipped.decode(appendStamp(Skipped.encode(message).finish(), stamp))).toEqual({ ...message, stamp })
})

test('a writer name that would not fit is refused rather than written wrongly', () => {
  expect(() => appendStamp(new Uint8Array(), { epoch: 1, writer: 'x'.repeat(130), seq: 1 })).toThrow(
    RangeError,
  )
})
