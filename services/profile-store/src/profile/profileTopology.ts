import { topics } from '@tributary/contracts'
import { type TableSpec, type Topology } from '@tributary/stream-runtime'
import { type BatchSink } from '../batchObserver.ts'
import {
  type ProfileConfiguration,
  type ProfileObservations,
  createProfileProcessor,
} from './profileProcessor.ts'
import {
  clockRows,
  counterRows,
  dueRows,
  memberCountRows,
  memberRows,
  partRows,
  preferRows,
  profileAdoption,
  profileRows,
  publishedRows,
  sweepRows,
  takeOverRows,
} from './profileRows.ts'

export function profileTopology(sink: BatchSink<ProfileObservations>): Topology<ProfileConfiguration> {
  return {
    name: 'profile',
    inputs: [topics.profileParts],
    tables: [
      partRows,
      profileRows,
      counterRows,
      preferRows,
      sweepRows,
      clockRows,
      dueRows,
      memberRows,
      memberCountRows,
      publishedRows,
      takeOverRows,
      profileAdoption.adopted,
      profileAdoption.highestJob,
      profileAdoption.aggregates,
    ] as TableSpec<unknown>[],
    metaLog: topics.profileState,
    create(partition) {
      sink.opened(partition)
      return createProfileProcessor((observations) => sink.computed(partition, observations))
    },
  }
}
