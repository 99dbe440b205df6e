import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { logTables } from '../rows/logTables.ts'
import { quarantineTable } from '../rows/quarantine.ts'
import { readMigrations } from './migrations.ts'
import { tableReference } from './tableReference.ts'

const reference = tableReference(readMigrations())

test('every column of every table is described', () => {
  for (const { name, columns } of [...logTables, quarantineTable]) {
    const section = reference.split(`### ${name}\n`)[1]?.split('###')[0]
    for (const [column, type] of Object.entries(columns)) {
      expect(section).toContain(`| \`${column}\` | \`${type.name}\` |`)
    }
  }
})

test('docs/reference/event-log.md has the tables as they are; `node tools/event-log-reference.ts` writes them', () => {
  const page = readFileSync(new URL('../../../../docs/reference/event-log.md', import.meta.url), 'utf8')
  // The formatter pads the columns.
  const words = (text: string) => text.replaceAll(/[ -]+/g, ' ')
  expect(words(page)).toContain(words(reference))
})
