import type {
  Resolution,
  ResolvedMember,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  type IdentityView,
  type ProfileName,
  type ReadIdentityRows,
  indexed,
  profileOf,
  profileText,
} from '@tributary/domain'
import type { Asked } from './readRef.ts'

/** 1,000 members of one profile: more are no person, and nobody reads them. */
const MAX_MEMBERS = 1_000
/** 50,000 members in one answer, some 2.5 MiB, well under the 8 MiB a message may have. */
const MAX_MEMBERS_IN_ALL = 50_000

/** The present profile of everyone asked for, in their order. What is unknown has its own. */
export function answerResolve(
  rows: ReadIdentityRows,
  view: IdentityView,
  asked: readonly Asked[],
): readonly Resolution[] {
  let left = MAX_MEMBERS_IN_ALL
  return asked.map(({ member, generation }) => {
    const row = view.row(member.id)
    const standing = view.standing(member.id)
    const common = {
      identifierId: member.id,
      shared: standing === 'shared',
      blocked: standing === 'blocked',
    }
    if (generation !== undefined && generation < (row?.generation ?? 0))
      return {
        ...common,
        profileId: profileText({ identifierId: member.id, generation }),
        members: [],
        erased: true,
      }
    const profile = profileOf(member.id, row)
    const members = membersOf(rows, view, profile, Math.min(left, MAX_MEMBERS))
    left -= members.length
    return {
      ...common,
      profileId: profileText(profile),
      // Who has never had company has no row in the index.
      members: members.length > 0 || left === 0 ? members : [memberFrom(member.type, member.id)],
      erased: false,
    }
  })
}

function membersOf(
  rows: ReadIdentityRows,
  view: IdentityView,
  profile: ProfileName,
  limit: number,
): ResolvedMember[] {
  const ids = [...indexed(rows.membersOf, profile.identifierId, limit)]
  return ids
    .sort((a, b) => Number(b === profile.identifierId) - Number(a === profile.identifierId))
    .map((id) => memberFrom(view.row(id)?.type ?? '', id))
}

function memberFrom(type: string, identifierId: string): ResolvedMember {
  return { type, identifierId }
}
