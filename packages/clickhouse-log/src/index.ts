export { type ClickHouse, type ClickHouseConnection, connectClickHouse } from './clickHouse.ts'
export { recordActiveEpoch } from './recordActiveEpoch.ts'
export {
  type AnchoredEvent,
  type AnchoredEvents,
  type EventPlace,
  createAnchoredEvents,
} from './read/anchoredEvents.ts'
export { type MemberComparison, type MemberDifference, compareMembers } from './audience/compareMembers.ts'
export { type AudienceWorld, type ComputedInLog, isCountedInLog, membersSql } from './audience/audienceSql.ts'
export { readDeliveryStory, type DeliveryStory, type StoredOutcome } from './read/deliveryStory.ts'
export { type FoldedEvent, type FoldedEvents, createFoldedEvents } from './read/foldedEvents.ts'
export {
  type BlockedEvent,
  type FiledEvent,
  type FiledEvents,
  createFiledEvents,
} from './read/filedEvents.ts'
export {
  type CopiedPartition,
  type EventFilter,
  type StoredErasure,
  type StoredEvent,
  type StoredEvents,
  type StoredPartition,
  createStoredEvents,
} from './read/storedEvents.ts'
export { type People, type PeopleAsked, type PersonRow, createPeople } from './read/people.ts'
export * from './read/messageTrace.ts'
export { type RedriveLog, createRedriveLog } from './read/redriveLog.ts'
export { type MigrateOptions, type MigrationReport, checkMigrations, migrate } from './migrate/migrate.ts'
export type { Cluster } from './migrate/migrations.ts'
export type { LogWriterMetrics } from './writer/logWriterMetrics.ts'
export {
  type LogWriters,
  type LogWritersOptions,
  type LogWritersState,
  logWriterGroup,
  startLogWriters,
} from './writer/startLogWriters.ts'
export { type AuditOptions, audit } from './audit/audit.ts'
export { type UnstoredOptions, countUnstored, noteEnds } from './audit/unstored.ts'
export type { AuditReport, Finding, Folding, ProfileTotals } from './audit/auditReport.ts'
export { type RecentLedger, measureRecent } from './audit/measureRecent.ts'
export { formatReport, ledgerLine } from './audit/formatReport.ts'
export { type Erased, findErased, noteErasures, removeErased } from './removal/erasures.ts'
export type { FoundRows } from './removal/findRows.ts'
export { type RetentionRules, findExpired, removeExpired } from './removal/retention.ts'
export { RemovalConflict, type RemoveOptions, openRemovals } from './removal/removeRows.ts'
