/**
 * Writes the tables into docs/reference/event-log.md; format the file afterwards.
 *   node --conditions=tributary-source tools/event-log-reference.ts && oxfmt docs/reference/event-log.md
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { readMigrations } from '../packages/clickhouse-log/src/migrate/migrations.ts'
import { tableReference } from '../packages/clickhouse-log/src/migrate/tableReference.ts'

const page = new URL('../docs/reference/event-log.md', import.meta.url)
const HEADING = '## Tables\n\n'
const [before] = readFileSync(page, 'utf8').split(HEADING)
writeFileSync(page, `${before}${HEADING}${tableReference(readMigrations())}`)
