/** The tables in ClickHouse as a LogStore; ports.ts says what it promises. */
import { setImmediate as turn } from 'node:timers/promises'
import type { ClickHouse } from '../clickHouse.ts'
import { insertFailureOf } from '../insertFailure.ts'
import { removedRuns } from '../removal/removalSql.ts'
import type { LogTable } from '../rows/logTable.ts'
import { quarantineTable, writeQuarantined } from '../rows/quarantine.ts'
import { RowWriter } from '../rows/rowWriter.ts'
import type { LogStore, StoreOutcome } from './ports.ts'
import { type Range, type RangePlace, tokenOf } from './range.ts'

/** Rows encoded before others get their turn: about 5 ms of events. */
const ROWS_A_TURN = 500

/** Ranges encoded and on their way at the same time, per process: four times 16 MiB at most. */
const STORES_AT_ONCE = 4

export function createClickHouseLogStore(
  clickhouse: ClickHouse,
  tableOf: (topic: string) => LogTable,
): LogStore {
  const slots = createSlots(STORES_AT_ONCE)

  async function insert(
    table: Pick<LogTable, 'name' | 'columns'>,
    token: string,
    rows: Buffer,
  ): Promise<void> {
    if (rows.length === 0) return
    await clickhouse.insertRowBinary({ table: table.name, columns: Object.keys(table.columns), token, rows })
  }

  /** True when the table or the quarantine has a row of the range: ranges are stored wholly or not at all. */
  async function holds(place: RangePlace, range: Range): Promise<boolean> {
    const [found] = await clickhouse.query<{ rows: string }>(
      `SELECT sum(found) AS rows FROM (${bothTables(place, 'count() AS found', 'AND `offset` BETWEEN {first:UInt64} AND {last:UInt64}')})`,
      { ...place, first: range.first, last: range.last },
    )
    return Number(found?.rows ?? 0) > 0
  }

  function bothTables(place: RangePlace, what: string, condition = ''): string {
    const from = (name: string): string =>
      `SELECT ${what} FROM ${clickhouse.table(name)} WHERE topic = {topic:String} AND partition = {partition:UInt32} ${condition}`
    return `${from(tableOf(place.topic).name)} UNION ALL ${from(quarantineTable.name)}`
  }

  async function attempt(
    place: RangePlace,
    range: Range,
    work: () => Promise<number>,
  ): Promise<StoreOutcome> {
    try {
      return { kind: 'stored', unreadable: await work() }
    } catch (error) {
      const failure = insertFailureOf(error)
      if (failure.kind === 'unavailable') return failure
      // An earlier try may have been stored and its reply lost, and the table's rules changed since (S3).
      try {
        return (await holds(place, range)) ? { kind: 'stored', unreadable: 0 } : failure
      } catch (again) {
        return { kind: 'unavailable', reason: insertFailureOf(again).reason }
      }
    }
  }

  return {
    store: (place, range) =>
      slots.use(() =>
        attempt(place, range, async () => {
          const table = tableOf(place.topic)
          const token = tokenOf(place, range)
          const rows = new RowWriter()
          const aside = new RowWriter()
          let unreadable = 0
          for (const [index, record] of range.records.entries()) {
            if (index % ROWS_A_TURN === ROWS_A_TURN - 1) await turn()
            const reason = table.write(rows, place, record)
            if (reason === undefined) continue
            unreadable++
            writeQuarantined(aside, place, record, `undecodable: ${reason}`)
          }
          // The quarantine comes second: nothing of a range that is refused may lie there under its token.
          await insert(table, token, rows.bytes())
          await insert(quarantineTable, token, aside.bytes())
          return unreadable
        }),
      ),
    quarantine: (place, range, reason) =>
      slots.use(() =>
        attempt(place, range, async () => {
          const aside = new RowWriter()
          for (const record of range.records) writeQuarantined(aside, place, record, `refused: ${reason}`)
          await insert(quarantineTable, tokenOf(place, range), aside.bytes())
          return range.records.length
        }),
      ),
    async highestOffset(place) {
      const [found] = await clickhouse.query<{ highest: string; rows: string }>(
        // What was removed on purpose was stored once, and must not come back from the topic.
        `SELECT max(highest) AS highest, sum(rows) AS rows FROM (
          ${bothTables(place, 'max(`offset`) AS highest, count() AS rows')}
          UNION ALL SELECT max(run.last) AS highest, count() AS rows FROM ${removedRuns(clickhouse, tableOf(place.topic).name)} AS run
          WHERE topic = {topic:String} AND partition = {partition:UInt32})`,
        { ...place },
      )
      return Number(found?.rows ?? 0) === 0 ? undefined : Number(found!.highest)
    },
  }
}

function createSlots(size: number): { use<T>(work: () => Promise<T>): Promise<T> } {
  let free = size
  const waiting: (() => void)[] = []
  return {
    async use(work) {
      if (free > 0) free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next === undefined) free++
        else next()
      }
    },
  }
}
