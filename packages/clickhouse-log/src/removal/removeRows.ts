/**
 * Takes rows out of the log for good, with evidence of what went.
 *
 *  D1. Evidence first: a lot is declared, in one row, before any of its rows is touched; only offsets that were declared are
 *      deleted. A row that went without evidence is still found by the audit.
 *  D2. Restartable at every step. What is declared and not gone is carried out first: deleting again deletes nothing more.
 *  D3. Gone means gone from disk: hidden by the delete, then the mask of deleted rows is applied; only then is the lot
 *      `removed`. ClickHouse keeps files it has replaced for eight minutes.
 *  D4. Two that run at the same time: who sees that somebody else has declared a row of the lot withdraws, and stops.
 *  D5. Rows that were gone and are there again, after a restore, go again under the evidence there is.
 *  D6. Memory is that of one lot, whatever there is to remove.
 */
import { type ClickHouse, quoteText } from '../clickHouse.ts'
import { NO_FIGURES, type Lot, hasInputs, lotFigures } from './lotFigures.ts'
import {
  type RemovalName,
  type RemovalReason,
  type RemovalRow,
  declareRemoval,
  takeStep,
} from './removalRow.ts'
import { removalsInForce, removedRuns } from './removalSql.ts'

export interface RemoveOptions {
  readonly clickhouse: ClickHouse
  readonly now: () => number
  readonly interrupted: AbortSignal
  /** After each lot. */
  readonly onLot?: (lot: { readonly table: string; readonly rows: number }) => void
}

/** Rows to remove from one table. */
export interface RowsToRemove {
  readonly table: string
  readonly reason: RemovalReason
  readonly rule: string
  /** Expired: what was received before, ms since 1970. */
  readonly untilMs?: number
  /** On a row of the table, as SQL. */
  readonly condition: string
  /** Columns whose numbers the ledger counts. */
  readonly numbers?: { readonly stamps: 'writer' | 'topic'; readonly versions: boolean }
}

/** Somebody else removes rows at the same time. */
export class RemovalConflict extends Error {
  override readonly name = 'RemovalConflict'
}

/** Rows of a lot: some hundred MB of memory in ClickHouse, and a delete of some seconds. */
const LOT_ROWS = 500_000
/** Runs of a lot: what a delete names, some 60 KB of text, and a quarter of what ClickHouse takes as a query. */
const LOT_RUNS = 2_000
/** Numbers of rows that are kept in one row of evidence. */
const LOT_NUMBERS = 50_000

/** How many rows were removed. */
export async function removeRows(options: RemoveOptions, what: RowsToRemove): Promise<number> {
  const { clickhouse, interrupted, onLot } = options
  let removed = 0
  const lots: RemovalName[] = []
  for (const place of await placesOf(clickhouse, what))
    for (;;) {
      if (interrupted.aborted) break
      const lot = await nextLot(options, what, place)
      if (!lot) break
      await declare(options, lot)
      await hide(clickhouse, lot)
      lots.push(lot)
      removed += lot.rows
      onLot?.({ table: what.table, rows: lot.rows })
    }
  await finish(options, what.table, lots)
  return removed
}

/** Lots that were declared and are not gone. */
export async function openRemovals(clickhouse: ClickHouse): Promise<number> {
  const [row] = await clickhouse.query<{ lots: string }>(
    `SELECT count() AS lots FROM ${removalsInForce(clickhouse)} WHERE ${notGone(clickhouse)}`,
  )
  return Number(row?.lots ?? 0)
}

function notGone(clickhouse: ClickHouse): string {
  return `id NOT IN (SELECT id FROM ${clickhouse.table('removals')} WHERE step = 'removed')`
}

/** D2, D5. How many lots were taken up again. */
export async function resumeRemovals(options: RemoveOptions): Promise<number> {
  const { clickhouse } = options
  const open = await clickhouse.query<StoredName & { first: string[]; last: string[] }>(
    `SELECT id, reason, rule, toUnixTimestamp64Milli(until) AS until, table_name, topic, partition, first, last
    FROM ${removalsInForce(clickhouse)}
    WHERE ${notGone(clickhouse)}
    ORDER BY table_name, topic, partition, id`,
  )
  for (const table of new Set(open.map((each) => each.table_name))) {
    const lots = open
      .filter((each) => each.table_name === table)
      .map((each) => ({
        ...each,
        ...nameOf(each),
        first: each.first.map(Number),
        last: each.last.map(Number),
      }))
    for (const lot of lots) {
      await refuseOverlap(options, lot)
      await hide(clickhouse, lot)
    }
    await finish(options, table, lots.map(nameOf))
  }
  return open.length + (await removeAgain(options))
}

/** D5. */
async function removeAgain({ clickhouse }: RemoveOptions): Promise<number> {
  const tables = await clickhouse.query<{ name: string }>(
    `SELECT DISTINCT table_name AS name FROM ${removalsInForce(clickhouse)}`,
  )
  let lots = 0
  for (const { name } of tables) {
    const again = await clickhouse.query<{ topic: string; partition: number; first: string; last: string }>(
      `SELECT DISTINCT run.topic AS topic, run.partition AS partition, run.first AS first, run.last AS last
      FROM ${clickhouse.table(name)} AS row
      ASOF JOIN ${removedRuns(clickhouse, name)} AS run
        ON row.topic = run.topic AND row.partition = run.partition AND row.\`offset\` >= run.first
      WHERE row.\`offset\` <= run.last ORDER BY topic, partition, first`,
    )
    const places = Map.groupBy(again, ({ topic, partition }) => JSON.stringify([topic, partition]))
    for (const runs of places.values())
      for (let from = 0; from < runs.length; from += LOT_RUNS) {
        const some = runs.slice(from, from + LOT_RUNS)
        const { topic, partition } = some[0]!
        await hide(clickhouse, {
          table_name: name,
          topic,
          partition,
          first: some.map(({ first }) => Number(first)),
          last: some.map(({ last }) => Number(last)),
        })
        lots++
      }
    if (again.length > 0) await applyMask(clickhouse, name)
  }
  return lots
}

interface Place {
  readonly topic: string
  readonly partition: number
}

async function placesOf(clickhouse: ClickHouse, { table, condition }: RowsToRemove): Promise<Place[]> {
  return clickhouse.query<Place>(
    `SELECT DISTINCT topic, partition FROM ${clickhouse.table(table)} WHERE ${condition} ORDER BY topic, partition`,
  )
}

interface Run {
  first: string
  last: string
  rows: string
  offsets: string
  appended_from: string
  appended_until: string
}

/** The rows with the lowest offsets, with all that the ledger is to know of them. */
async function nextLot(
  { clickhouse, now }: RemoveOptions,
  what: RowsToRemove,
  { topic, partition }: Place,
): Promise<Omit<RemovalRow, 'step' | 'at'> | undefined> {
  const { table, condition, reason, rule, untilMs, numbers } = what
  const rows = numbers ? LOT_NUMBERS : LOT_ROWS
  const runs = await clickhouse.query<Run>(
    `SELECT min(at - gap) AS first, max(at) AS last, sum(copies) AS rows, count() AS offsets,
      min(earliest) AS appended_from, max(latest) AS appended_until
    FROM (
      SELECT *, sum(begins) OVER (ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
      FROM (
        SELECT *, at - gap != lagInFrame(at, 1, toInt64(-1)) OVER (
          ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) + 1 AS begins
        FROM (
          SELECT toInt64(\`offset\`) AS at, toInt64(any(row.gap)) AS gap, count() AS copies,
            toUnixTimestamp64Milli(min(appended)) AS earliest, toUnixTimestamp64Milli(max(appended)) AS latest
          FROM ${clickhouse.table(table)} AS row
          WHERE topic = {topic:String} AND partition = {partition:UInt32} AND (${condition})
          GROUP BY at ORDER BY at LIMIT {rows:UInt32}
        )
      )
    )
    GROUP BY run ORDER BY first LIMIT ${LOT_RUNS}`,
    { topic, partition, rows },
  )
  if (runs.length === 0) return undefined
  const column = (name: keyof Run): number[] => runs.map((run) => Number(run[name]))
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
  const lot: Lot = {
    table,
    topic,
    partition,
    first: Number(runs[0]!.first),
    last: Number(runs.at(-1)!.last),
    appendedFromMs: Math.min(...column('appended_from')),
    appendedUntilMs: Math.max(...column('appended_until')),
    condition,
  }
  return {
    id: `${reason}:${table}:${topic}:${partition}:${lot.first}-${lot.last}:${now()}`,
    reason,
    rule,
    until: untilMs,
    table_name: table,
    topic,
    partition,
    rows: sum(column('rows')),
    offsets: sum(column('offsets')),
    first: column('first'),
    last: column('last'),
    ...(await numbersOf(clickhouse, lot, numbers)),
    ...(hasInputs(table) ? await lotFigures(clickhouse, lot) : NO_FIGURES),
  }
}

async function numbersOf(
  clickhouse: ClickHouse,
  lot: Lot,
  numbers: RowsToRemove['numbers'],
): Promise<Pick<RemovalRow, 'stamp_epochs' | 'stamp_writers' | 'stamp_seqs' | 'versions'>> {
  if (!numbers) return { stamp_epochs: [], stamp_writers: [], stamp_seqs: [], versions: [] }
  const { stamps, versions } = numbers
  const rows = await clickhouse.query<{ epoch: number; writer: string; seq: string; n: string }>(
    `SELECT epoch, ${stamps === 'writer' ? 'writer' : `''`} AS writer, seq, ${versions ? 'n' : '0'} AS n
    FROM ${clickhouse.table(lot.table)}
    WHERE topic = {topic:String} AND partition = {partition:UInt32}
      AND \`offset\` BETWEEN {first:UInt64} AND {last:UInt64} AND (${lot.condition})
    ORDER BY \`offset\``,
    { topic: lot.topic, partition: lot.partition, first: lot.first, last: lot.last },
  )
  return {
    stamp_epochs: rows.map(({ epoch }) => epoch),
    stamp_writers: rows.map(({ writer }) => writer),
    stamp_seqs: rows.map(({ seq }) => Number(seq)),
    versions: versions ? rows.map(({ n }) => Number(n)) : [],
  }
}

/** D1, D4. */
async function declare(options: RemoveOptions, lot: Omit<RemovalRow, 'step' | 'at'>): Promise<void> {
  await declareRemoval(options.clickhouse, { ...lot, step: 'declared', at: options.now() })
  await refuseOverlap(options, lot)
}

async function refuseOverlap(
  { clickhouse, now }: RemoveOptions,
  lot: RemovalName & Pick<RemovalRow, 'first' | 'last'>,
): Promise<void> {
  const others = await clickhouse.query<{ id: string }>(
    `SELECT id FROM ${removalsInForce(clickhouse)}
    WHERE table_name = {table:String} AND topic = {topic:String} AND partition = {partition:UInt32} AND id != {id:String}
      AND first[1] <= {until:UInt64} AND last[-1] >= {from:UInt64}
      AND arrayExists((a, b) -> arrayExists((c, d) -> a <= d AND b >= c, {first:Array(UInt64)}, {last:Array(UInt64)}),
        first, last)
    LIMIT 1`,
    {
      table: lot.table_name,
      topic: lot.topic,
      partition: lot.partition,
      id: lot.id,
      from: lot.first[0] ?? 0,
      until: lot.last.at(-1) ?? 0,
      first: [...lot.first],
      last: [...lot.last],
    },
  )
  if (others.length === 0) return
  await takeStep(clickhouse, 'withdrawn', [nameOf(lot)], now())
  throw new RemovalConflict(
    `somebody else removes rows of ${lot.topic}/${lot.partition} at the same time: run it again when that has ended`,
  )
}

/** Takes the rows out of every answer. Deleting again deletes nothing more. */
async function hide(
  clickhouse: ClickHouse,
  lot: Pick<RemovalRow, 'table_name' | 'topic' | 'partition' | 'first' | 'last'>,
): Promise<void> {
  const singles = lot.first.filter((first, i) => first === lot.last[i])
  const ranges = lot.first.flatMap((first, i) => (first === lot.last[i] ? [] : [[first, lot.last[i]]]))
  const places = [
    ...(singles.length > 0 ? [`\`offset\` IN (${singles.join(', ')})`] : []),
    ...ranges.map(([first, last]) => `\`offset\` BETWEEN ${first} AND ${last}`),
  ]
  await clickhouse.command(
    `DELETE FROM ${clickhouse.table(lot.table_name)}
    WHERE topic = ${quoteText(lot.topic)} AND partition = ${lot.partition} AND (${places.join(' OR ')})
    SETTINGS lightweight_deletes_sync = 2`,
  )
}

/** D3. */
async function finish(options: RemoveOptions, table: string, lots: readonly RemovalName[]): Promise<void> {
  if (lots.length === 0) return
  await applyMask(options.clickhouse, table)
  await takeStep(options.clickhouse, 'removed', lots.map(nameOf), options.now())
}

async function applyMask(clickhouse: ClickHouse, table: string): Promise<void> {
  await clickhouse.command(
    `ALTER TABLE ${clickhouse.table(table)} APPLY DELETED MASK SETTINGS mutations_sync = 2`,
  )
}

interface StoredName {
  id: string
  reason: string
  rule: string
  until: string | null
  table_name: string
  topic: string
  partition: number
}

function nameOf({
  id,
  reason,
  rule,
  until,
  table_name,
  topic,
  partition,
}: StoredName | RemovalName): RemovalName {
  return {
    id,
    reason,
    rule,
    until: until === null || until === undefined ? undefined : Number(until),
    table_name,
    topic,
    partition,
  }
}
