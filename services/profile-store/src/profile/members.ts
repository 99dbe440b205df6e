import { KEY_SEPARATOR } from '@tributary/contracts'
import { type ReadTable, type StepContext } from '@tributary/stream-runtime'
import { type Flip } from './judgeInForce.ts'
import { memberCountRows, memberRows } from './profileRows.ts'

export interface MemberSince {
  readonly profileId: string
  readonly sinceMs: number
}

/** Follows one flip: it is a change, so the row is not there yet, or is there. */
export function keepMember(
  context: StepContext,
  profileId: string,
  { audience, member }: Pick<Flip, 'audience' | 'member'>,
  sinceMs: number,
): void {
  const key = `${audience}${KEY_SEPARATOR}${profileId}`
  const counts = context.table(memberCountRows)
  const count = (counts.get(audience) ?? 0) + (member ? 1 : -1)
  if (member) context.table(memberRows).put(key, sinceMs)
  else context.table(memberRows).delete(key)
  if (count > 0) counts.put(audience, count)
  else counts.delete(audience)
}

/** Members of one audience after a profile id, sorted by profile id. */
export function membersAfter(
  rows: ReadTable<number>,
  audience: string,
  { after, limit }: { readonly after: string; readonly limit: number },
): MemberSince[] {
  const prefix = `${audience}${KEY_SEPARATOR}`
  // A profile id is longer than nothing and has no character below "!".
  const from = after === '' ? prefix : `${prefix}${after}!`
  return [...rows.range(from, `${prefix}~`, limit)].map(([key, sinceMs]) => ({
    profileId: key.slice(prefix.length),
    sinceMs,
  }))
}
