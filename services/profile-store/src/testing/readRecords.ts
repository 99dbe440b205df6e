import {
  type AudienceChangeRecord,
  type AudienceMembershipRecord,
  type MergedProfileRecord,
  type ProfileChangeRecord,
  type ProfileRecord,
  topics,
} from '@tributary/contracts'
import { type Pipeline, type PipelineRecord } from './pipeline.ts'

const read = ({ value }: PipelineRecord): unknown => JSON.parse(Buffer.from(value!).toString())

/** Every change of every partition, in the order of each partition. */
export function changesOf(pipeline: Pipeline): (ProfileChangeRecord & { ceType: string })[] {
  return pipeline
    .sent(topics.profileChanges)
    .flat()
    .map((record) => ({
      ...(read(record) as ProfileChangeRecord),
      ceType: record.headers['ce_type']!.replace(/^dev\.tributary\.(.*)\.v1$/, '$1'),
    }))
}

/** What compaction leaves of the profiles topic. */
export function stateOf(pipeline: Pipeline): Map<string, ProfileRecord | MergedProfileRecord> {
  const state = new Map<string, ProfileRecord | MergedProfileRecord>()
  for (const record of pipeline.sent(topics.profiles).flat())
    if (record.value === null) state.delete(record.key!)
    else state.set(record.key!, read(record) as ProfileRecord)
  return state
}

export function audienceChangesOf(pipeline: Pipeline): AudienceChangeRecord[] {
  return pipeline
    .sent(topics.audienceChanges)
    .flat()
    .map((record) => read(record) as AudienceChangeRecord)
}

export function membershipsOf(pipeline: Pipeline): Map<string, AudienceMembershipRecord> {
  return new Map(
    pipeline
      .sent(topics.audienceMemberships)
      .flat()
      .map((record) => [record.key!, read(record) as AudienceMembershipRecord]),
  )
}
