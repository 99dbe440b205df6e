/** Names the holes and the doubles in numbers that should count without a gap, per group. */
import type { ClickHouse } from '../clickHouse.ts'
import type { OffsetRange } from './offsetRange.ts'

export interface NumbersQuery {
  /** One row per group and number. */
  readonly from: string
  readonly group: readonly string[]
  /** Column of the number. */
  readonly number: string
  /** Column or value: how many numbers just before it are known to be empty. */
  readonly gap: string
  /** Column: how many rows have the number. */
  readonly copies: string
  /** The number a group should begin with. */
  readonly startAt: number
  readonly params: Readonly<Record<string, unknown>>
}

export interface NamedNumbers {
  readonly missing: OffsetRange[]
  readonly doubled: number[]
}

/** At most so many places per group. */
const NAMED = 20

/** By group, its columns joined with "|"; groups without holes and doubles are left out. */
export async function measureNumbers(
  clickhouse: ClickHouse,
  query: NumbersQuery,
): Promise<Map<string, NamedNumbers>> {
  const { from, number, gap, copies, startAt, params } = query
  const group = query.group.join(', ')
  const rows = await clickhouse.query<Record<string, string | number>>(
    `SELECT ${group}, previous + 1 AS hole_first, at_number - empty - 1 AS hole_last, at_number, copies_of_it
    FROM (
      SELECT ${group}, toInt64(${number}) AS at_number, toInt64(${gap}) AS empty, ${copies} AS copies_of_it,
        lagInFrame(toInt64(${number}), 1, toInt64(${startAt - 1})) OVER (
          PARTITION BY ${group} ORDER BY ${number} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS previous
      FROM ${from}
    )
    WHERE hole_first <= hole_last OR copies_of_it > 1
    ORDER BY ${group}, at_number LIMIT ${NAMED} BY ${group}`,
    params,
  )
  const named = new Map<string, NamedNumbers>()
  for (const row of rows) {
    const key = query.group.map((column) => row[column]).join('|')
    const places = named.get(key) ?? { missing: [], doubled: [] }
    named.set(key, places)
    const hole = { first: Number(row['hole_first']), last: Number(row['hole_last']) }
    if (hole.first <= hole.last) places.missing.push(hole)
    if (Number(row['copies_of_it']) > 1) places.doubled.push(Number(row['at_number']))
  }
  return named
}
