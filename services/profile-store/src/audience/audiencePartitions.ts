/** Audiences in the partitions that this instance owns and has restored: every answer begins here. */
import { type PartitionAudience } from '@tributary/contracts/generated/tributary/audience/v1/audience_peers'
import {
  type ConditionResult,
  type ExplainMembershipResponse,
  type Member,
} from '@tributary/contracts/generated/tributary/audience/v1/audience_service'
import {
  type CompiledNode,
  type Judgement,
  canonicalJsonText,
  foldProfile,
  holds,
  judgeAudiences,
} from '@tributary/domain'
import { PROFILES, type ProfileViews, here, profilePartition } from '../grpc/profilePartitions.ts'
import { readDefinitions } from '../profile/definitions.ts'
import { membersAfter } from '../profile/members.ts'
import { emptyProfile, partsOf } from '../profile/parts.ts'
import { clockRows, counterRows, memberCountRows, memberRows, profileRows } from '../profile/profileRows.ts'

export function countMembers(views: ProfileViews, partitions: readonly number[]): PartitionAudience[] {
  return partitions.flatMap((partition) => {
    const view = here(views.profile(partition), partition, PROFILES)
    const counts = view.table(memberCountRows)
    return readDefinitions(view).audiences.map(({ id, hash }) => ({
      id,
      hash,
      members: counts.get(id) ?? 0,
    }))
  })
}

export interface MembersAsked {
  readonly audience: string
  readonly partition: number
  /** Profile id; empty: from the first. */
  readonly after: string
  readonly limit: number
}

export function listPartitionMembers(
  views: ProfileViews,
  { audience, partition, after, limit }: MembersAsked,
): Member[] {
  const rows = here(views.profile(partition), partition, PROFILES).table(memberRows)
  return membersAfter(rows, audience, { after, limit }).map(({ profileId, sinceMs }) => ({
    profileId,
    since: new Date(sinceMs),
  }))
}

/** Undefined when the partition judges no such audience, or no such profile is alive. */
export function explainProfile(
  views: ProfileViews,
  { audience, profileId }: { readonly audience: string; readonly profileId: string },
): ExplainMembershipResponse | undefined {
  const partition = profilePartition(views, profileId)
  const view = here(views.profile(partition), partition, PROFILES)
  const row = view.table(profileRows).get(profileId)
  if (!row || row.publicJson === '') return undefined
  const definitions = readDefinitions(view)
  const nowMs = Math.max(
    view.table(clockRows).get('clock') ?? 0,
    view.table(counterRows).get('counters')?.clockMs ?? 0,
  )
  const parts = partsOf(view, profileId)
  const profile = foldProfile(parts, { ...definitions, nowMs }) ?? emptyProfile(row)
  const judged = judgeAudiences(
    definitions.audiences,
    definitions.judged(profileId, profile, nowMs),
    (id) => row.audiences[id]?.member,
  ).find((each) => each.audience.id === audience)
  if (!judged) return undefined
  const { hash, disabled = false, compiled } = judged.audience
  const sinceMs = row.audiences[audience]?.sinceMs ?? 0
  return {
    profileId,
    version: row.version,
    member: judged.judgement.member,
    since: sinceMs === 0 ? undefined : new Date(sinceMs),
    hash,
    asOf: new Date(nowMs),
    condition: resultOf(compiled.root, judged.judgement),
    disabled,
  }
}

function resultOf(node: CompiledNode, judgement: Judgement): ConditionResult {
  const group = (kind: string, conditions: readonly CompiledNode[]): ConditionResult => ({
    kind,
    holds: holds(node, (leaf) => judgement.leaves[leaf]!.met),
    conditions: conditions.map((each) => resultOf(each, judgement)),
    text: '',
    valueJson: '',
  })
  if ('all' in node) return group('all', node.all)
  if ('any' in node) return group('any', node.any)
  if ('not' in node) return group('not', [node.not])
  const { condition, value, met } = judgement.leaves[node.leaf]!
  return { kind: 'leaf', holds: met, conditions: [], text: condition, valueJson: canonicalJsonText(value) }
}
