import { expect, test } from '@jest/globals'
import { encodeMessage } from './encodeMessage.ts'
import { Skipped } from './generated/tributary/event/v1/skipped.ts'

const first = Skipped.fromPartial({ topic: 'internal.events.v1', offset: 2 ** 40, messageId: 'm1' })
const second = Skipped.fromPartial({ messageId: 'é' })

test('a message is encoded as by itself, after others and after one that could not be', () => {
  const early = encodeMessage(Skipped, first)
  expect(encodeMessage(Skipped, second)).toEqual(Skipped.encode(second).finish())
  const broken = { ...first, partition: 'three' as unknown as number }
  expect(() => encodeMessage(Skipped, broken)).toThrow('int32')
  expect(encodeMessage(Skipped, second)).toEqual(Skipped.encode(second).finish())
  expect(Skipped.decode(early)).toEqual(first)
})
