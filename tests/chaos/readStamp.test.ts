import { expect, test } from '@jest/globals'
import { appendStamp } from '@tributary/contracts'
import { DeliveryRecord } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { readStamp } from './readStamp.ts'

test('the stamp is read from the bytes of any message, and its absence is no error', () => {
  const message = DeliveryRecord.encode({
    delivery: { ...DeliveryRecord.decode(Buffer.from([10, 0])).delivery!, id: 'd1', createdTimeMs: 2 ** 50 },
  }).finish()
  const stamp = { epoch: 1, writer: 'sync-3', seq: 70_000 }
  expect(readStamp(appendStamp(message, stamp))).toEqual(stamp)
  expect(readStamp(message)).toBeUndefined()
})

test('a message that is cut off is an error', () => {
  expect(() => readStamp(Buffer.from([8]))).toThrow(RangeError)
})
