/**
 * The migration files: `0001_events.sql`, each number once, never changed once applied anywhere. They do not build on each
 * other's data, so one that comes to a database after a higher one is applied all the same.
 *
 * Macros in double braces make the same files fit one server and a cluster:
 *   {{database}}       the database, quoted
 *   {{engine}}         MergeTree, or its replicated form
 *   {{on_cluster}}     nothing, or ON CLUSTER <name>
 *   {{deduplication}}  the settings of the window in which an insert's token counts once
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { quoteIdentifier, quoteText } from '../clickHouse.ts'
import { splitStatements } from './splitStatements.ts'

export interface Migration {
  readonly version: number
  /** File name without the ending. */
  readonly name: string
  /** SHA-256 of the file as it is, before the macros. */
  readonly checksum: string
  readonly sql: string
}

/** Several servers that hold the same tables. */
export interface Cluster {
  /** As in system.clusters. */
  readonly name: string
  /** Path in Keeper; macros of the server are kept. */
  readonly path?: string
  readonly replica?: string
}

export interface Layout {
  readonly database: string
  readonly cluster?: Cluster
}

/**
 * Tokens that are remembered, per table. A batch is sent again at the latest when its partition has a new owner, and
 * each partition inserts once a second at most, or 10,000 rows: with 64 partitions this is half an hour in which all
 * but one of them insert at full speed while that one stands still. It costs some MB of memory and disk per table.
 */
const DEDUPLICATION_WINDOW = 100_000

/** The same for replicated tables, whose default of one hour would be the tighter limit: seven days. */
const DEDUPLICATION_SECONDS = 604_800

/** Where the files lie in the repository and in the image, seen from src/migrate and dist/migrate alike. */
const migrationsFolder = fileURLToPath(new URL('../../../../deploy/clickhouse/migrations', import.meta.url))

export function readMigrations(folder: string = migrationsFolder): Migration[] {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
  let last = 0
  return files.map((file) => {
    const match = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(file)
    const version = Number(match?.[1])
    if (!match || version === last)
      throw new Error(`${join(folder, file)}: expected <4 digits>_<words>.sql, each number once`)
    last = version
    const sql = readFileSync(join(folder, file), 'utf8')
    const checksum = createHash('sha256').update(sql).digest('hex')
    return { version, name: file.slice(0, -'.sql'.length), checksum, sql }
  })
}

/** The statements of a migration for one layout. */
export function statementsOf(migration: Pick<Migration, 'name' | 'sql'>, layout: Layout): string[] {
  const macros = macrosOf(layout)
  return splitStatements(migration.sql).map((statement) =>
    statement.replaceAll(/\{\{(\w+)\}\}/g, (_whole, name: string) => {
      const value = macros[name]
      if (value === undefined) throw new Error(`${migration.name}: unknown macro {{${name}}}`)
      return value
    }),
  )
}

function macrosOf({ database, cluster }: Layout): Readonly<Record<string, string | undefined>> {
  if (cluster === undefined) {
    return {
      database: quoteIdentifier(database),
      engine: 'MergeTree',
      on_cluster: '',
      deduplication: `non_replicated_deduplication_window = ${DEDUPLICATION_WINDOW}`,
    }
  }
  const path = cluster.path ?? '/clickhouse/tables/{uuid}/{shard}'
  return {
    database: quoteIdentifier(database),
    engine: `ReplicatedMergeTree(${quoteText(path)}, ${quoteText(cluster.replica ?? '{replica}')})`,
    on_cluster: `ON CLUSTER ${quoteIdentifier(cluster.name)}`,
    deduplication:
      `replicated_deduplication_window = ${DEDUPLICATION_WINDOW}, ` +
      `replicated_deduplication_window_seconds = ${DEDUPLICATION_SECONDS}`,
  }
}
