import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { type Schema } from './check/checkSchema.ts'
import { kinds } from './model/index.ts'
import { parseDocuments } from './parseDocuments.ts'
import { formatProblem, validateWorkspace } from './validateWorkspace.ts'

const pages = [
  'configuration.md',
  'identity.md',
  'audiences.md',
  'recipes.md',
  'projections.md',
  'destinations.md',
]
const workspace = 'kind: Workspace\nschema: tributary/v1\nid: maison\ntimeZone: UTC\n'

const blocks = pages.flatMap((page) => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/reference', page), 'utf8')
  return [...text.matchAll(/^## (.+)$|```yaml\n([^]*?)```/gm)]
    .reduce<{ title: string; yaml: string }[]>((found, match) => {
      if (match[1] !== undefined) found.push({ title: `${page}, ${match[1]}`, yaml: '' })
      else if (found.length > 0) found.at(-1)!.yaml += match[2]!
      return found
    }, [])
    .filter((block) => block.yaml !== '')
})

test.each(blocks)('the example of $title is valid as it stands', ({ yaml }) => {
  const text = yaml.includes('kind: Workspace') ? yaml : `${workspace}---\n${yaml}`
  const parsed = parseDocuments([{ name: 'example', text }])
  expect([...parsed.problems, ...validateWorkspace(parsed.documents)].map(formatProblem)).toEqual([])
})

/** Paths of a source's options: "http.limits.eventBytes". A key that maps names of one's own ends there, as does a choice. */
function optionsOf(schema: Schema, path = ''): string[] {
  const properties = Object.entries((schema as { properties?: Record<string, Schema> }).properties ?? {})
  if (properties.length === 0) return [path]
  return properties.flatMap(([key, each]) => optionsOf(each, path === '' ? key : `${path}.${key}`))
}

test('every option of a source has a row, and every row is an option', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/configuration.md'), 'utf8')
  const section = page.slice(page.indexOf('\n## Source\n'), page.indexOf('\n## Identity\n'))
  const rows = [...section.matchAll(/^\| `([a-z][\w.]*)` +\|/gim)].map((row) => row[1]!)
  const everyDocument = ['$schema', 'kind', 'id', 'name', 'description']
  const options = optionsOf(kinds.Source as unknown as Schema).filter((each) => !everyDocument.includes(each))
  // Tables about formats name the source first; `map` has a row of its own and a table.
  const described = new Set(
    rows.filter((row) => row !== 'map' && !['kafka', 'webhook', 'http'].includes(row)),
  )
  expect(described).toEqual(new Set(options))
})
