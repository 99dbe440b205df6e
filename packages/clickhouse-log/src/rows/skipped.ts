import { topics } from '@tributary/contracts'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { string, uint32, uint64, word } from './columnType.ts'
import { enumWords } from './enumWord.ts'
import { defineLogTable, isUnreadable } from './logTable.ts'
import { placeColumns, placeOf, stampColumns, stampOf } from './place.ts'
import { readProtobuf } from './readValue.ts'

const reasonWord = enumWords(SkipReason, 'SKIP_REASON_')

export const skippedTable = defineLogTable(
  'skipped',
  topics.skipped,
  {
    ...placeColumns,
    ...stampColumns,
    event_topic: word,
    event_partition: uint32,
    event_offset: uint64,
    reason: word,
    source: word,
    message_id: string,
  },
  (place, record) => {
    const skipped = readProtobuf(record, Skipped)
    if (isUnreadable(skipped)) return skipped
    return {
      ...placeOf(place, record),
      ...stampOf(skipped.stamp),
      event_topic: skipped.topic,
      event_partition: skipped.partition,
      event_offset: skipped.offset,
      reason: reasonWord(skipped.reason),
      source: skipped.sourceId,
      message_id: skipped.messageId,
    }
  },
)
