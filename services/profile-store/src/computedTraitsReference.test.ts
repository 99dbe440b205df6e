import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { canonicalJson, formatProblem, parseDocuments, validateWorkspace } from '@tributary/configuration'
import { type ProfileRecord } from '@tributary/contracts'
import { aggregateKinds, keptBytes } from '@tributary/domain'
import { createPipeline } from './testing/pipeline.ts'
import { stateOf } from './testing/readRecords.ts'
import { eventOf, home } from './testing/shopPeople.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/computed-traits.md'), 'utf8')
const workspace = 'kind: Workspace\nschema: tributary/v1\nid: maison\ntimeZone: UTC\n'

const rowsOf = (text: string) =>
  [...text.matchAll(/^\| (.+) \|$/gm)].map((row) => row[1]!.split('|').map((cell) => cell.trim()))

const events = rowsOf(page).flatMap(([messageId = '', time, name, properties]) =>
  /^m\d$/.test(messageId) ? [{ messageId, time: time!, name: name!, properties: properties! }] : [],
)

/** Each Trait document with the table that follows it. */
const examples = [...page.matchAll(/```yaml\n([^]*?)```\n\n([^]*?)\n\n/g)].map(([, yaml, table]) => ({
  id: /^id: (\w+)$/m.exec(yaml!)![1]!,
  yaml: yaml!,
  moments: rowsOf(table!).filter(([at]) => at!.startsWith('2026')),
}))

const timeOf = (text: string) => Date.parse(`${text}.000Z`)

test.each(examples)('$id has the values it is said to have', ({ id, yaml, moments }) => {
  const parsed = parseDocuments([{ name: 'example', text: `${workspace}---\n${yaml}` }])
  expect([...parsed.problems, ...validateWorkspace(parsed.documents)].map(formatProblem)).toEqual([])
  const trait = parsed.documents.map(({ document }) => document).find(({ kind }) => kind === 'Trait')
  const pipeline = createPipeline()
  pipeline.configure(
    0,
    {
      documents: [{ document: `trait/${id}`, hash: 'h', definition: canonicalJson(trait) }],
      refused: [],
      rules: { types: [], owner: 1, hash: 'identity', blocked: [] },
    },
    { traits: new Map(), hashOf: () => undefined },
  )
  pipeline.settle()
  for (const { messageId, time, name, properties } of events)
    pipeline.event(
      eventOf({
        messageId,
        name,
        identifiers: ['u1'],
        timeMs: timeOf(time),
        payload: { properties: JSON.parse(properties) as object },
      }),
    )
  pipeline.settle()
  expect(moments.length).toBeGreaterThan(0)
  for (const [at, value] of moments) {
    pipeline.tick(timeOf(at!))
    const { computed } = stateOf(pipeline).get(home('u1')) as ProfileRecord
    expect([at, computed[id]]).toEqual([at, value === '' ? undefined : JSON.parse(value!)])
  }
})

test('there is an example of every kind that a Trait document can have', () => {
  const kinds = aggregateKinds.filter((kind) => kind !== 'sequence')
  expect(kinds.filter((kind) => !examples.some(({ yaml }) => yaml.includes(`\n${kind}: {`)))).toEqual([])
})

test('the sizes it names are those that are reckoned with', () => {
  const bytes = (kind: (typeof aggregateKinds)[number], units?: number) => {
    const within = units === undefined ? undefined : { unitMs: 60_000, units: units - 2 }
    return keptBytes({ document: 'd', hash: 'h', event: 'e', kind, within }) - 150
  }
  expect([bytes('count', 10), bytes('sum', 10), bytes('first', 10)]).toEqual([140, 1_140, 10_140])
  expect(['last', 'uniqueList', 'distinct', 'mostFrequent'].map((kind) => bytes(kind as 'last'))).toEqual([
    1_000, 14_544, 17_034, 28_944,
  ])
  for (const text of ['14 bytes', '114', '1,014', '1,000 bytes', '14,544', '17,034', '28,944'])
    expect(page).toContain(text)
})
