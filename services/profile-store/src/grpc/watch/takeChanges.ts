import { type InputStream } from '@tributary/stream-runtime'
import { type ChangePlace, type ToldChange, readChange } from './readChange.ts'

/** Taken between two turns of the event loop: about a millisecond's work. */
const TAKE = { records: 256, bytes: 1 << 20 }

export interface ChangeTaker {
  /** `change` is undefined for a record without a value. */
  record(place: ChangePlace, change: ToldChange | undefined): void
  /** All below `nextOffset` has been taken, markers of transactions included. */
  passed(partition: number, nextOffset: number): void
}

/** Takes from a stream of changes what one turn allows, in order; false when nothing was there. Throws what has ended it. */
export function takeChanges(stream: InputStream, taker: ChangeTaker): boolean {
  stream.check()
  const taken = stream.take(TAKE)
  for (const { partition, records, nextOffset } of taken) {
    for (const record of records) taker.record({ partition, offset: record.offset }, readChange(record))
    taker.passed(partition, nextOffset)
  }
  return taken.length > 0
}
