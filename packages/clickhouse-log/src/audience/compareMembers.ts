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

/** `members`: a query of columns `profile_id` and `audience` (membersSql); the comparison of each, by audience. */
export async function compareMembers(
  clickhouse: ClickHouse,
  {
    audiences,
    members,
    samples,
  }: { readonly audiences: readonly string[]; readonly members: string; readonly samples: number },
): Promise<ReadonlyMap<string, MemberComparison>> {
  const rows = await clickhouse.query<{
    audience: string
    members: string
    enter: string
    leave: string
    entering: string[]
    leaving: string[]
  }>(
    `SELECT audience, sum(named) AS members, countIf(named AND NOT known) AS enter, countIf(known AND NOT named) AS leave,
      groupArraySortedIf(${Math.max(1, samples)})(profile_id, named AND NOT known) AS entering,
      groupArraySortedIf(${Math.max(1, samples)})(profile_id, known AND NOT named) AS leaving
    FROM (
      SELECT audience, profile_id, max(source = 'named') AS named, max(source = 'known') AS known FROM (
        SELECT toString(audience) AS audience, profile_id, 'named' AS source FROM (${members})
        UNION ALL
        SELECT toString(audience) AS audience, profile_id, 'known' AS source
        FROM ${clickhouse.table('audience_changes')}
        WHERE has({audiences:Array(String)}, audience)
        GROUP BY audience, profile_id HAVING argMax(change, version) NOT IN ('left', 'merged')
      ) GROUP BY audience, profile_id
    ) GROUP BY audience`,
    { audiences: [...audiences] },
  )
  const difference = (count: string | undefined, ids: string[] | undefined): MemberDifference => ({
    count: Number(count ?? 0),
    samples: (ids ?? []).slice(0, samples),
  })
  const byAudience = new Map(rows.map((row) => [row.audience, row]))
  return new Map(
    audiences.map((id) => {
      const row = byAudience.get(id)
      return [
        id,
        {
          members: Number(row?.members ?? 0),
          enter: difference(row?.enter, row?.entering),
          leave: difference(row?.leave, row?.leaving),
        },
      ]
    }),
  )
}
