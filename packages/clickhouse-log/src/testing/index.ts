/** What tests of this package and of others need: records of each topic, a table in memory, and the tables' columns. */
export { createClickHouseLogStore } from '../writer/clickHouseLogStore.ts'
export { logTableOf, logTables } from '../rows/logTables.ts'
export { quarantineTable } from '../rows/quarantine.ts'
export type { LogRecord } from '../rows/logTable.ts'
export type { LogStore } from '../writer/ports.ts'
export { type Migration, readMigrations } from '../migrate/migrations.ts'
export { FakeLogStore } from './fakeLogStore.ts'
export { START_MS, eventOf, eventRecord, recordOf } from './records.ts'
