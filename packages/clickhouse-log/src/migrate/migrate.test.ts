import { describe, expect, test } from '@jest/globals'
import { outstanding } from './migrate.ts'
import { readMigrations, statementsOf } from './migrations.ts'

const migration = (version: number, checksum = `sum${version}`) => ({
  version,
  name: `000${version}_x`,
  checksum,
  sql: '',
})

describe('what is still to apply', () => {
  test('everything on an empty database, nothing when all is there', () => {
    const all = [migration(1), migration(2)]
    expect(outstanding(all, [])).toEqual(all)
    expect(outstanding(all, all)).toEqual([])
    expect(outstanding(all, [migration(1)])).toEqual([migration(2)])
  })

  test('a changed file is an error that names it', () => {
    expect(() => outstanding([migration(1)], [migration(1, 'other')])).toThrow('0001_x.sql has changed')
  })

  test('a database that is ahead is left alone', () => {
    expect(() => outstanding([migration(1)], [migration(1), migration(2)])).toThrow('does not know')
  })
})

describe('the files of the repository', () => {
  const statements = (layout: Parameters<typeof statementsOf>[1]) =>
    readMigrations().flatMap((file) => statementsOf(file, layout))

  const isView = (statement: string) => /^CREATE (OR REPLACE )?VIEW/.test(statement)
  const isInsert = (statement: string) => statement.startsWith('INSERT INTO')
  const tables = (layout: Parameters<typeof statementsOf>[1]) =>
    statements(layout).filter((each) => !isView(each) && !isInsert(each))

  test('each statement creates a table of the log, idempotently, with its window set, or a view, or says what may be said twice', () => {
    const database = 'd`b'
    for (const view of statements({ database }).filter(isView))
      expect(view).toMatch(/^CREATE (OR REPLACE VIEW|VIEW IF NOT EXISTS) `d\\`b`\.[a-z_]+ +AS\n/)
    for (const insert of statements({ database }).filter(isInsert))
      expect(insert).toMatch(/^INSERT INTO `d\\`b`\.layouts /)
    const all = tables({ database })
    expect(all.length).toBeGreaterThanOrEqual(11)
    for (const statement of all) {
      expect(statement).toMatch(/^CREATE TABLE IF NOT EXISTS `d\\`b`\.[a-z_]+/)
      expect(statement).toMatch(/ENGINE = MergeTree\n/)
      expect(statement).toMatch(/SETTINGS non_replicated_deduplication_window = 100000$/)
      expect(statement).toMatch(
        /ORDER BY (\(topic, partition, `offset`\)|epoch\n|\(table_name, |\(identifier_id, )/,
      )
      expect(statement).not.toMatch(/\{\{/)
    }
  })

  test('on a cluster the same tables are replicated and created everywhere', () => {
    const layout = { database: 'd', cluster: { name: 'main' } }
    for (const statement of statements(layout).filter((each) => !isInsert(each)))
      expect(statement).toContain('ON CLUSTER `main`')
    for (const statement of tables(layout)) {
      expect(statement).toContain("ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')")
      expect(statement).toContain('replicated_deduplication_window_seconds = 604800')
    }
  })

  test('an unknown macro is an error', () => {
    expect(() => statementsOf({ name: 'm', sql: 'SELECT {{x}}' }, { database: 'd' })).toThrow('{{x}}')
  })
})
