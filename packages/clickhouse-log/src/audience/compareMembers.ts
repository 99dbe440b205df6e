import { type ClickHouse } from '../clickHouse.ts'

/** Who a query of profiles names, beside who the log says is a member. */
export interface MemberComparison {
  /** Named by the query. */
  readonly members: number
  /** Named and no member, and how many; at most so many samples. */
  readonly enter: MemberDifference
  /** A member and not named. */
  readonly leave: MemberDifference
}

export interface MemberDifference {
  readonly count: number
  /** Profile ids, sorted. */
  readonly samples: readonly string[]
}

/** `members`: a query of profile ids, in column `profile_id`. */
export async function compareMembers(
  clickhouse: ClickHouse,
  {
    audience,
    members,
    samples,
  }: { readonly audience: string; readonly members: string; readonly samples: number },
): Promise<MemberComparison> {
  const [row] = await clickhouse.query<{
    members: string
    enter: string
    leave: string
    entering: string[]
    leaving: string[]
  }>(
    `SELECT sum(named) AS members, countIf(named AND NOT known) AS enter, countIf(known AND NOT named) AS leave,
      groupArraySortedIf(${Math.max(1, samples)})(profile_id, named AND NOT known) AS entering,
      groupArraySortedIf(${Math.max(1, samples)})(profile_id, known AND NOT named) AS leaving
    FROM (
      SELECT profile_id, max(source = 'named') AS named, max(source = 'known') AS known FROM (
        SELECT profile_id, 'named' AS source FROM (${members})
        UNION ALL
        SELECT profile_id, 'known' AS source FROM ${clickhouse.table('audience_changes')}
        WHERE audience = {audience:String}
        GROUP BY profile_id HAVING argMax(change, version) != 'left'
      ) GROUP BY profile_id
    )`,
    { audience },
  )
  const difference = (count: string | undefined, ids: string[] | undefined): MemberDifference => ({
    count: Number(count ?? 0),
    samples: (ids ?? []).slice(0, samples),
  })
  return {
    members: Number(row?.members ?? 0),
    enter: difference(row?.enter, row?.entering),
    leave: difference(row?.leave, row?.leaving),
  }
}
