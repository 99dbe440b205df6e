import { type PartitionCounts, topics } from '@tributary/contracts'
import { type TableSpec, type Topology } from '@tributary/stream-runtime'
import { type JobConfiguration } from './jobConfiguration.ts'
import { type Sent, createJobProcessor } from './jobProcessor.ts'
import { anchorRows, filingNumberRows, filingRows, followedRows } from './filingRows.ts'
import { appliedRows, outboxRows, rulesRows, runningRows } from './jobRows.ts'

export function jobTopology(counts: PartitionCounts): Topology<JobConfiguration, Sent> {
  return {
    name: 'job',
    inputs: [topics.jobs],
    tables: [
      appliedRows,
      runningRows,
      rulesRows,
      outboxRows,
      anchorRows,
      filingRows,
      filingNumberRows,
      followedRows,
    ] as TableSpec<unknown>[],
    metaLog: topics.jobState,
    create: () => createJobProcessor(counts),
  }
}
