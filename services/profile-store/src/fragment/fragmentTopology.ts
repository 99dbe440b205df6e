import { topics } from '@tributary/contracts'
import { type TableSpec, type Topology } from '@tributary/stream-runtime'
import { type BatchSink } from '../batchObserver.ts'
import { seenDayTable, seenTable } from './deduplication.ts'
import { createFragmentProcessor, type FragmentCounts } from './fragmentProcessor.ts'
import { fragmentAdoption, fragmentRows } from './fragmentRows.ts'
import { filingRows, refiledRows, refiledToRows } from './refiling.ts'
import { copiedRows } from './toldErasures.ts'

export function fragmentTopology(sink: BatchSink<FragmentCounts>): Topology {
  return {
    name: 'fragment',
    inputs: [topics.events, topics.assignments],
    tables: [
      fragmentRows,
      seenTable,
      seenDayTable,
      filingRows,
      refiledRows,
      refiledToRows,
      copiedRows,
      fragmentAdoption.adopted,
      fragmentAdoption.highestJob,
      fragmentAdoption.aggregates,
    ] as TableSpec<unknown>[],
    metaLog: topics.fragments,
    create(partition) {
      sink.opened(partition)
      return createFragmentProcessor((counts) => sink.computed(partition, counts))
    },
  }
}
