/**
 * The statements that put rows into a table. Pure.
 *
 * Invariants:
 *  P1. An older version never overwrites a newer one, whatever is repeated, late or still running of a process that was
 *      killed: every statement compares the versions, inside the database, under the lock of the row.
 *  P2. Of a profile that is no more in what the table shows a row stays, with its version and without any value: it is
 *      what keeps an older version out.
 *  P3. Names are quoted and values are one parameter of JSON: nothing an item says is ever read as SQL. The database
 *      gives each value the type of its column, so a number keeps all its digits.
 */
import type { Row } from './rows.ts'

export interface Statement {
  readonly text: string
  readonly values: readonly [string]
}

/** One for each set of columns, then two for those that end; to be run in one transaction when there are several. */
export function statementsOf(table: string, rows: readonly Row[]): Statement[] {
  const name = tableName(table)
  // In one order, so that two transactions wait for each other and never each for the other.
  const ordered = [...rows].sort((a, b) => (a.profileId < b.profileId ? -1 : 1))
  const bySet = new Map<string, Row[]>()
  for (const row of ordered) {
    if (!row.data) continue
    const set = JSON.stringify(Object.keys(row.data))
    const others = bySet.get(set)
    if (others) others.push(row)
    else bySet.set(set, [row])
  }
  const ends = ordered.filter(({ data }) => !data)
  return [
    ...[...bySet].map(([set, those]) => upsert(name, JSON.parse(set) as string[], those)),
    ...(ends.length === 0 ? [] : endStatements(name, ends)),
  ]
}

/** Whether the table is there with what every row has, without reading or writing any. */
export function probeStatement(table: string): string {
  return `SELECT "profile_id", "version", "present", "merged_into" FROM ${tableName(table)} LIMIT 0`
}

function upsert(table: string, fields: readonly string[], rows: readonly Row[]): Statement {
  const columns = ['profile_id', 'version', 'present', 'merged_into', ...fields].map(quoted)
  const values = rows.map(({ profileId, version, data }) => ({
    ...data,
    profile_id: profileId,
    version,
    present: true,
    merged_into: null,
  }))
  return {
    text: `INSERT INTO ${table} AS held (${columns.join(', ')})
SELECT ${columns.join(', ')} FROM jsonb_populate_recordset(NULL::${table}, $1::jsonb)
${unlessNewer(columns)}`,
    values: [JSON.stringify(values)],
  }
}

/** P2: the values go with the old row. */
function endStatements(table: string, rows: readonly Row[]): Statement[] {
  const values: [string] = [
    JSON.stringify(
      rows.map(({ profileId, version, mergedInto }) => ({
        profile_id: profileId,
        version,
        merged_into: mergedInto,
      })),
    ),
  ]
  const given = `jsonb_to_recordset($1::jsonb) AS given("profile_id" text, "version" text, "merged_into" text)`
  const columns = ['profile_id', 'version', 'present', 'merged_into'].map(quoted)
  return [
    {
      text: `DELETE FROM ${table} AS held USING ${given}
WHERE held."profile_id" = given."profile_id" AND held."version" COLLATE "C" <= given."version" COLLATE "C"`,
      values,
    },
    {
      text: `INSERT INTO ${table} AS held (${columns.join(', ')})
SELECT "profile_id", "version", false, "merged_into" FROM ${given}
${unlessNewer(columns)}`,
      values,
    },
  ]
}

/** P1. Versions compare byte by byte, whatever the language of the database. */
function unlessNewer(columns: readonly string[]): string {
  const sets = columns.slice(1).map((column) => `${column} = excluded.${column}`)
  return `ON CONFLICT ("profile_id") DO UPDATE SET ${sets.join(', ')}
WHERE held."version" COLLATE "C" <= excluded."version" COLLATE "C"`
}

function tableName(table: string): string {
  return table.split('.').map(quoted).join('.')
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
