/** What was removed on purpose, for the ledger: by place, by source, and whether any of it is there again. */
import type { ClickHouse } from '../clickHouse.ts'
import { removalsInForce, removedRuns } from '../removal/removalSql.ts'
import type { FoldingFigures, RemovedFigures, SourceFigures } from './figures.ts'

export interface Removed {
  /** By topic and partition, joined with "|". */
  readonly places: ReadonlyMap<string, RemovedFigures>
  readonly sources: ReadonlyMap<string, Omit<SourceFigures, 'source'>>
  /** By topic. */
  readonly folding: ReadonlyMap<string, RemovedFolding>
}

/** Of one events topic: counted with what is left. */
export interface RemovedFolding extends Pick<FoldingFigures, 'events' | 'copied' | 'foldable'> {
  readonly nowhere: number
  readonly twice: number
}

/** Places that are named of each partition. */
const NAMED = 20

export async function measureRemovals(clickhouse: ClickHouse, tables: ReadonlySet<string>): Promise<Removed> {
  if (tables.size === 0) return { places: new Map(), sources: new Map(), folding: new Map() }
  return {
    places: await measurePlaces(clickhouse, tables),
    sources: await measureSources(clickhouse),
    folding: await measureFolding(clickhouse),
  }
}

async function measurePlaces(
  clickhouse: ClickHouse,
  tables: ReadonlySet<string>,
): Promise<Map<string, RemovedFigures>> {
  const rows = await clickhouse.query<Numbers<'partition' | 'expired' | 'erased' | 'twice' | 'accounted'>>(
    `SELECT topic, partition, sumIf(rows, reason = 'expired') AS expired, sumIf(rows, reason = 'erased') AS erased,
      sum(rows - offsets) AS twice, sum(arraySum(arrayMap((a, b) -> b - a + 1, first, last))) AS accounted
    FROM ${removalsInForce(clickhouse)} GROUP BY topic, partition`,
  )
  const again = new Map<string, number[]>()
  for (const table of tables)
    for (const { topic, partition, at } of await thereAgain(clickhouse, table)) {
      const key = `${topic}|${partition}`
      again.set(key, [...(again.get(key) ?? []), Number(at)])
    }
  return new Map(
    rows.map((row) => {
      const key = `${row.topic}|${row.partition}`
      return [
        key,
        {
          expired: Number(row.expired),
          erased: Number(row.erased),
          twice: Number(row.twice),
          accounted: Number(row.accounted),
          again: again.get(key) ?? [],
        },
      ]
    }),
  )
}

/** Rows of lots that were gone from disk: a backup was restored, or somebody inserted them. */
async function thereAgain(clickhouse: ClickHouse, table: string): Promise<Numbers<'partition' | 'at'>[]> {
  const gone = `id IN (SELECT id FROM ${clickhouse.table('removals')} WHERE step = 'removed')`
  return clickhouse.query(
    `SELECT row.topic AS topic, row.partition AS partition, row.\`offset\` AS at FROM ${clickhouse.table(table)} AS row
    ASOF JOIN ${removedRuns(clickhouse, table, gone)} AS run
      ON row.topic = run.topic AND row.partition = run.partition AND row.\`offset\` >= run.first
    WHERE row.\`offset\` <= run.last ORDER BY topic, partition, at LIMIT ${NAMED} BY topic, partition`,
  )
}

async function measureSources(clickhouse: ClickHouse): Promise<Map<string, Omit<SourceFigures, 'source'>>> {
  const rows = await clickhouse.query<
    { source: string } & Record<'events' | 'accepted' | 'refused' | 'both' | 'again', string>
  >(
    `SELECT each.1 AS source, sum(each.2) AS events, sum(each.3) AS accepted, sum(each.4) AS refused,
      sum(each.5) AS both, sum(each.6) AS again
    FROM ${removalsInForce(clickhouse)}
    ARRAY JOIN arrayZip(sources, source_events, source_event_inputs, source_rejected_inputs, source_both_inputs,
      source_redriven_inputs) AS each
    GROUP BY source`,
  )
  return new Map(
    rows.map((row) => [
      row.source,
      {
        events: Number(row.events),
        eventOrigins: Number(row.accepted),
        rejectedOrigins: Number(row.refused),
        bothOrigins: Number(row.both),
        redrivenOrigins: Number(row.again),
      },
    ]),
  )
}

async function measureFolding(clickhouse: ClickHouse): Promise<Map<string, RemovedFolding>> {
  const rows = await clickhouse.query<
    { topic: string } & Record<'events' | 'copies' | 'foldable' | 'nowhere' | 'twice', string>
  >(
    `SELECT topic, sum(events) AS events, sum(copies) AS copies, sum(foldable) AS foldable,
      sum(filed_nowhere) AS nowhere, sum(filed_twice) AS twice
    FROM (SELECT topic, events, copies, foldable, filed_nowhere, filed_twice FROM ${removalsInForce(clickhouse)} WHERE table_name = 'events')
    GROUP BY topic`,
  )
  return new Map(
    rows.map((row) => [
      row.topic,
      {
        events: Number(row.events),
        copied: Number(row.copies),
        foldable: Number(row.foldable),
        nowhere: Number(row.nowhere),
        twice: Number(row.twice),
      },
    ]),
  )
}

type Numbers<N extends string> = { topic: string } & Record<N, string | number>
