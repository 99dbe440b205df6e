export { type ClickHouse, type ClickHouseConnection, connectClickHouse } from './clickHouse.ts'
export { type MigrateOptions, type MigrationReport, checkMigrations, migrate } from './migrate/migrate.ts'
export type { Cluster } from './migrate/migrations.ts'
