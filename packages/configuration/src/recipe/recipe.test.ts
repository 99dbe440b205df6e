import { describe, expect, test } from '@jest/globals'
import { parseDocuments } from '../parseDocuments.ts'
import { formatProblem, validateWorkspace } from '../validateWorkspace.ts'
import { compileRecipe } from './compileRecipe.ts'
import { shippedRecipes } from './shippedRecipes.ts'

const workspace =
  'kind: Workspace\nschema: tributary/v1\nid: shop\ntimeZone: UTC\n---\nkind: Destination\nid: d\nrecipe:\n'

function problemsOf(recipe: string): string[] {
  const parsed = parseDocuments([{ name: 'd.yaml', text: workspace + recipe }])
  return [...parsed.problems, ...validateWorkspace(parsed.documents)].map(formatProblem)
}

test.each([...shippedRecipes.keys()])('the shipped recipe %s compiles', (name) => {
  expect(compileRecipe(shippedRecipes.get(name)!).problems).toEqual([])
})

describe('a destination with a recipe', () => {
  test.each([
    ['a shipped one', '  use: hubspot_contacts\n  secrets: {token: {file: hubspot}}\n', []],
    [
      'one of its own',
      '  define:\n    url: "https://x.example/{{ param.list }}"\n    item: {id: "{{ item.data.id }}"}\n    body: "{{ items }}"\n    params: {list: {description: Which list.}}\n  params: {list: vip}\n',
      [],
    ],
    [
      'an unknown name',
      '  use: hubspot_contact\n',
      ['d.yaml:9:8: there is no recipe `hubspot_contact`: did you mean `hubspot_contacts`?'],
    ],
    [
      'parameters and secrets that are missing or unknown',
      '  use: meta_conversions\n  params: {version: v24.0, datset: 1}\n',
      [
        'd.yaml:10:11: the recipe needs the parameter `dataset`',
        'd.yaml:10:36: the recipe has no parameter `datset`: did you mean `dataset`?',
        'd.yaml:9:3: the recipe needs the secret `token`',
      ],
    ],
    [
      'items that reach for secrets, and addresses that reach for items',
      '  define:\n    url: "https://x.example/{{ item.id }}"\n    item: {a: "{{ secret.token }}"}\n    body: "{{ items }}"\n    secrets: [token]\n  secrets: {token: {file: t}}\n',
      [
        'd.yaml:10:10: this expression cannot work: Unknown variable: item',
        'd.yaml:11:15: this expression cannot work: Unknown variable: secret',
      ],
    ],
    [
      'both a name and a definition',
      '  use: slack\n  define: {url: u, item: 1, body: 1}\n',
      ['d.yaml:10:3: `use` and `define` cannot stand together: one of use, define'],
    ],
  ])('%s: said where it stands', (_, recipe, problems) => {
    expect(problemsOf(recipe)).toEqual(problems)
  })
})
