import { topics } from '@tributary/contracts'
import { millis, string, uint32, uint64, word } from './columnType.ts'
import { defineLogTable, isUnreadable } from './logTable.ts'
import { placeColumns, placeOf } from './place.ts'
import { numberOf, objectOf, readJson, textOf, timeOf } from './readValue.ts'

export const rejectedTable = defineLogTable(
  'rejected',
  topics.rejected,
  {
    ...placeColumns,
    source: word,
    code: word,
    message: string,
    message_id: string,
    received: millis,
    origin: string,
    input: string,
    chunk: uint32,
    chunks: uint32,
    position_topic: word,
    position_partition: uint32,
    position_offset: uint64,
  },
  (place, record) => {
    const rejected = readJson(record)
    if (isUnreadable(rejected)) return rejected
    const position = objectOf(rejected['position'])
    return {
      ...placeOf(place, record),
      source: textOf(rejected['source']),
      code: textOf(rejected['code']),
      message: textOf(rejected['message']),
      message_id: textOf(rejected['messageId']),
      received: timeOf(rejected['receivedAt'], record.timestampMs),
      origin: textOf(rejected['origin']),
      input: Buffer.from(textOf(rejected['input']), 'base64'),
      chunk: numberOf(rejected['chunk']),
      chunks: Math.max(numberOf(rejected['chunks']), 1),
      position_topic: textOf(position['topic']),
      position_partition: numberOf(position['partition']),
      position_offset: numberOf(position['offset']),
    }
  },
)
