import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parseDocuments } from './parseDocuments.ts'
import { formatProblem, validateWorkspace } from './validateWorkspace.ts'

const pages = ['configuration.md', 'identity.md', 'audiences.md', 'recipes.md']
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
