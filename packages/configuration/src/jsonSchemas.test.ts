import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { parse, parseAllDocuments } from 'yaml'
import { checkSchema, type Schema } from './check/checkSchema.ts'
import { jsonSchemas } from './jsonSchemas.ts'
import { kinds, type Kind } from './model/index.ts'

const folder = join(import.meta.dirname, '../schemas')
const examples = join(import.meta.dirname, '../../../examples/shop')

const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: false })
for (const [name, schema] of jsonSchemas()) ajv.addSchema(schema, `${name}.json`)

test('the schemas in the repository are those of the model: run tools/writeSchemas.ts when they are not', () => {
  expect(readdirSync(folder).sort()).toEqual([...jsonSchemas().keys()].map((name) => `${name}.json`).sort())
  for (const [name, schema] of jsonSchemas())
    expect(JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))).toEqual(schema)
})

test('every key of every kind has a description, so that editors can say what it is', () => {
  const missing: string[] = []
  const walk = (value: unknown, at: string) => {
    if (typeof value !== 'object' || value === null) return
    const schema = value as { properties?: Record<string, Record<string, unknown>> }
    const properties =
      typeof schema.properties === 'object' &&
      !('description' in schema.properties && typeof schema.properties['description'] === 'string')
        ? schema.properties
        : {}
    for (const [key, property] of Object.entries(properties))
      if (
        typeof property === 'object' &&
        !('description' in property) &&
        !('const' in property) &&
        !('$ref' in property)
      )
        missing.push(`${at}.${key}`)
    for (const [key, member] of Object.entries(value)) walk(member, `${at}.${key}`)
  }
  for (const [name, schema] of jsonSchemas()) if (name !== 'document') walk(schema, name)
  expect(missing).toEqual([])
})

test('the examples are valid by the schema of any document', () => {
  const validate = ajv.getSchema('document.json')!
  for (const file of readdirSync(examples).filter((name) => name.endsWith('.yaml'))) {
    const parsed = parseAllDocuments(readFileSync(join(examples, file), 'utf8'))
    for (const each of Array.isArray(parsed) ? parsed : []) {
      const valid = validate(each.toJS())
      expect({ file, valid, errors: validate.errors }).toEqual({ file, valid: true, errors: null })
    }
  }
})

/** Documents with every key of the grammar in use, to be broken in every place. */
const whole: Record<Kind, string> = {
  Workspace: `{kind: Workspace, schema: tributary/v1, id: a, name: {fr: x, en: y}, description: d, timeZone: UTC, region: FR,
    consent: {purposes: [email], whenUnknown: deny}, retention: {events: forever, rejected: 3d}}`,
  Source: `{kind: Source, id: a, $schema: x, name: n, kafka: {topic: t, format: json, start: {time: 2026-01-01}}, zone: UTC, disabled: false,
    map: {type: {const: track}, event: e, messageId: m, time: {path: t, zone: UTC}, identifiers: {email: mail}, properties: {a: {path: b, default: 3}}, traits: {a: b}, context: {a: b}}}`,
  Identity: `{kind: Identity, id: a, types: [{type: email, strength: weak, normalise: email, maxPerProfile: 3, sharedAfter: 3, from: [a.b], pattern: x}],
    owner: first, blocked: [{type: email, value: x}], placeholders: {values: [a], patterns: [b]}}`,
  Trait: `{kind: Trait, id: a, sum: {event: x, path: a.b, filter: {source: web, properties.x: {gte: 3, in: [1, 2]}}}}`,
  Audience: `{kind: Audience, id: a, where: {all: [{trait: t, gte: 3}, {not: {event: e, count: {gte: 1}, filter: {type: track}, ever: true}},
    {any: [{trait: traits.x, in: [a], contains: b, exists: true}]}]}}`,
  Destination: `{kind: Destination, id: a, webhook: {url: 'https://x.example', signingSecret: [{file: a}], timeoutMs: 1000, allowPrivateAddresses: true},
    purposes: [email], maxPerSecond: 0.5, maxConcurrent: 2, disabled: false}`,
  Sync: `{kind: Sync, id: a, from: {audience: b}, to: c, on: [entered], existing: skip, ignoreChangesFrom: [crm], fields: {a: b.c, d: {const: 3}}}`,
}

/** One place of a value replaced, removed or added to. */
function broken(value: unknown, random: () => number): unknown {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const junk = () =>
    pick<unknown>([null, true, 0, -1, 1e9, 1.5, '', 'x', 'Ü b', '3d', [], [1], ['a', 'a'], {}, { a: 1 }])
  if (random() < 0.15 || typeof value !== 'object' || value === null) return junk()
  if (Array.isArray(value)) {
    if (random() < 0.3) return [...(value as unknown[]), junk()]
    const at = Math.floor(random() * value.length)
    return value.map((each: unknown, i) => (i === at ? broken(each, random) : each))
  }
  const entries = Object.entries(value)
  const roll = random()
  if (roll < 0.2)
    return Object.fromEntries([...entries, [pick(['a', 'count', 'trait', 'path', 'const', 'http']), junk()]])
  const at = Math.floor(random() * entries.length)
  if (roll < 0.35) return Object.fromEntries(entries.filter((_, i) => i !== at))
  return Object.fromEntries(entries.map(([key, each], i) => [key, i === at ? broken(each, random) : each]))
}

describe.each(Object.keys(kinds) as Kind[])('%s', (kind) => {
  const validate = ajv.getSchema(`${kind.toLowerCase()}.json`)!
  const ours = (value: unknown) =>
    checkSchema(kinds[kind] as unknown as Schema, value).filter((finding) => !finding.notYet)
  const document: unknown = parse(whole[kind])

  test('a document that uses every key is valid', () => {
    expect(ours(document)).toEqual([])
    expect(validate(document)).toBe(true)
  })

  test('what our own check refuses, and nothing else, the JSON Schema refuses too', () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })),
        (stream) => {
          const value = broken(document, () => stream.next().value!)
          const findings = checkSchema(kinds[kind] as unknown as Schema, value)
          // Of what is not run yet only the key is looked at here; the schema looks on.
          fc.pre(!findings.some((finding) => finding.notYet))
          expect({ value, valid: findings.length === 0 }).toEqual({ value, valid: validate(value) })
        },
      ),
      { numRuns: 300 },
    )
  })
})
