/** Which topic goes to which table. */
import type { TopicSpec } from '@tributary/contracts'
import { audienceChangesTable } from './audienceChanges.ts'
import { configurationTable } from './configuration.ts'
import { deliveriesTable, deliveryOutcomesTable } from './deliveries.ts'
import { eventsTable } from './events.ts'
import { evidenceTable } from './evidence.ts'
import { identityChangesTable } from './identityChanges.ts'
import type { LogTable } from './logTable.ts'
import { profileChangesTable } from './profileChanges.ts'
import { rejectedTable } from './rejected.ts'
import { skippedTable } from './skipped.ts'

export const logTables = [
  eventsTable,
  rejectedTable,
  skippedTable,
  evidenceTable,
  identityChangesTable,
  profileChangesTable,
  audienceChangesTable,
  deliveriesTable,
  deliveryOutcomesTable,
  configurationTable,
] as const

/** The table a topic is kept in. */
export function logTableOf(topic: TopicSpec): LogTable {
  const table = logTables.find((candidate) => candidate.topic.name === topic.name)
  if (table === undefined)
    throw new Error(`no table of the event log holds ${topic.name}; see rows/logTables.ts`)
  return table
}
