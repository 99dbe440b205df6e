/**
 * Brings the tables of the event log to what this version needs.
 *
 * Invariants:
 *  M1. A migration that was applied is never applied again, and its file never changes (its checksum is kept).
 *  M2. Each statement is idempotent, so a migration that was interrupted is simply run again.
 *  M3. A database that is ahead of this program is left alone.
 */
import { type ClickHouse, quoteIdentifier, quoteText } from '../clickHouse.ts'
import { type Cluster, type Migration, readMigrations, statementsOf } from './migrations.ts'

export interface MigrateOptions {
  readonly client: ClickHouse
  /** Only when the tables are replicated. */
  readonly cluster?: Cluster
  readonly migrations?: readonly Migration[]
}

export interface MigrationReport {
  /** Applied now, in order. */
  readonly applied: readonly string[]
  /** Were there already. */
  readonly present: readonly string[]
}

interface Applied {
  version: number
  name: string
  checksum: string
}

const REGISTER = `CREATE TABLE IF NOT EXISTS {{database}}.migrations {{on_cluster}}
(
  version UInt32,
  name String,
  checksum String,
  applied DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = {{engine}}
ORDER BY version
SETTINGS {{deduplication}}`

export async function migrate(options: MigrateOptions): Promise<MigrationReport> {
  const { client, cluster } = options
  const migrations = options.migrations ?? readMigrations()
  const layout = { database: client.database, ...(cluster ? { cluster } : {}) }
  const onCluster = cluster === undefined ? '' : ` ON CLUSTER ${quoteIdentifier(cluster.name)}`

  await client.command(`CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(client.database)}${onCluster}`)
  for (const statement of statementsOf({ name: 'migrations', sql: REGISTER }, layout)) {
    await client.command(statement)
  }

  const applied = await readApplied(client)
  const missing = outstanding(migrations, applied)
  for (const migration of missing) {
    for (const statement of statementsOf(migration, layout)) await client.command(statement)
    await register(client, migration)
  }
  return {
    applied: missing.map((migration) => migration.name),
    present: migrations
      .filter((migration) => !missing.includes(migration))
      .map((migration) => migration.name),
  }
}

/** Throws with the remedy when the tables are not what this version needs; changes nothing. */
export async function checkMigrations(options: Pick<MigrateOptions, 'client' | 'migrations'>): Promise<void> {
  const { client } = options
  const tables = await client.query<{ name: string }>(
    'SELECT name FROM system.tables WHERE database = {database:String} AND name = {name:String}',
    { database: client.database, name: 'migrations' },
  )
  const applied = tables.length === 0 ? [] : await readApplied(client)
  const missing = outstanding(options.migrations ?? readMigrations(), applied)
  if (missing.length > 0) {
    throw new Error(
      `database ${client.database} lacks ${missing.map((migration) => migration.name).join(', ')}: run \`tributary migrate\``,
    )
  }
}

/** Those still to apply; throws when what was applied is not what is here. */
export function outstanding(migrations: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const done = new Map(applied.map((row) => [row.version, row]))
  for (const row of applied) {
    const migration = migrations.find((candidate) => candidate.version === row.version)
    if (migration === undefined) {
      throw new Error(
        `the database has migration ${row.name}, which this version does not know: use the version that applied it, or a newer one`,
      )
    }
    if (migration.checksum !== row.checksum) {
      throw new Error(
        `${migration.name}.sql has changed since it was applied as ${row.name}: restore the file and put the change into a new one`,
      )
    }
  }
  return migrations.filter((migration) => !done.has(migration.version))
}

async function readApplied(client: ClickHouse): Promise<Applied[]> {
  return client.query<Applied>(
    `SELECT version, name, checksum FROM ${client.table('migrations')} ORDER BY version`,
  )
}

/** With a token, so that two that migrate at the same time register once. */
async function register(client: ClickHouse, migration: Migration): Promise<void> {
  const token = `${migration.version}:${migration.checksum}`
  await client.command(
    `INSERT INTO ${client.table('migrations')} (version, name, checksum) ` +
      `SETTINGS async_insert = 0, insert_deduplicate = 1, insert_deduplication_token = ${quoteText(token)} ` +
      `VALUES (${migration.version}, ${quoteText(migration.name)}, ${quoteText(migration.checksum)})`,
  )
}
