/** The tables and columns of the migrations as Markdown: the comments in the SQL are the one description. */
import { splitStatements } from './splitStatements.ts'

const TABLE = /CREATE TABLE IF NOT EXISTS \{\{database\}\}\.(\w+)/
const VIEW = /CREATE (OR REPLACE VIEW|VIEW IF NOT EXISTS) /
const INSERT = /INSERT INTO /
const COLUMN = /^ {2}`?(\w+)`? (.+?) (?:DEFAULT .+? )?COMMENT '((?:[^'\\]|\\.|'')*)'/

export function tableReference(migrations: readonly { readonly sql: string }[]): string {
  const sections = migrations.flatMap(({ sql }) =>
    splitStatements(sql).flatMap((statement) => {
      // Views are described by hand, with the questions they answer.
      if (VIEW.test(statement) || INSERT.test(statement)) return []
      const table = TABLE.exec(statement)?.[1]
      if (table === undefined)
        throw new Error(`a statement that creates no table and no view: ${statement.slice(0, 80)}`)
      const rows = statement
        .split('\n')
        .map((line) => COLUMN.exec(line))
        .filter((match) => match !== null)
        .map(
          ([, name, type, comment]) => `| \`${name}\` | \`${type}\` | ${comment!.replaceAll('|', '\\|')} |`,
        )
      return [`### ${table}`, '', '| column | type | holds |', '|---|---|---|', ...rows].join('\n')
    }),
  )
  return `${sections.join('\n\n')}\n`
}
