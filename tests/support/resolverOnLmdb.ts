/** The resolver on a real LMDB store, and its inputs as records. */
import { topics } from '@tributary/contracts'
import { EvidenceRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import type { Evidence, ReadIdentityRows, Resolution } from '@tributary/domain'
import type { OutputRecord } from '@tributary/stream-runtime'
import { evidenceMessage } from '../../services/identity-stitcher/src/evidenceMessages.ts'
import { readIdentityRows } from '../../services/identity-stitcher/src/resolver/identityTables.ts'
import { resolverTopology } from '../../services/identity-stitcher/src/resolver/resolverTopology.ts'
import { type TaskOnLmdb, openTaskOnLmdb } from './taskOnLmdb.ts'

export interface ResolverOnLmdb extends Pick<TaskOnLmdb, 'takeLongestBatchMs' | 'size' | 'close'> {
  /** Resolves evidence and stores what came of it; gives what that sent. */
  feed(evidence: readonly Uint8Array[]): readonly OutputRecord[]
  /** The same of evidence about strangers, quickly. */
  load(evidence: readonly Uint8Array[]): readonly OutputRecord[]
  rows(): ReadIdentityRows
}

export async function openResolverOnLmdb(
  directory: string,
  onResolved: (resolution: Resolution) => void = () => undefined,
): Promise<ResolverOnLmdb> {
  const topology = resolverTopology({
    resolved: (_kind, resolution) => onResolved(resolution),
    passedOver(reason) {
      throw new Error(`the resolver passed a record over: ${reason}`)
    },
  })
  const task = await openTaskOnLmdb(topology, directory)
  return {
    ...task,
    feed: (evidence) => task.feed(topics.evidence, evidence),
    load: (evidence) => task.load(topics.evidence, evidence),
    rows: () => readIdentityRows(task.view()),
  }
}

export function evidenceInput(evidence: Evidence): Uint8Array {
  return EvidenceRecord.encode({
    record: { $case: 'evidence', value: evidenceMessage(evidence) },
    stamp: undefined,
  }).finish()
}
