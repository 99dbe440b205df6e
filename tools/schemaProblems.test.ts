import { expect, test } from '@jest/globals'
import { schemaProblems } from './schemaProblems.ts'

interface Changed {
  required: string[]
  properties: {
    id?: { type?: string | string[]; pattern: string }
    op: { enum: string[] }
    list: { items: { properties: { x?: object } } }
    map: { additionalProperties: object }
  }
}

const before = {
  type: 'object',
  properties: {
    op: { enum: ['c', 'u'] },
    id: { type: 'string', pattern: '^a' },
    list: {
      type: 'array',
      items: { type: 'object', properties: { x: { type: 'string' } }, required: ['x'] },
    },
    map: { type: 'object', additionalProperties: { type: 'boolean' } },
  },
  required: ['id', 'op'],
}

function changed(change: (schema: Changed) => void): string[] {
  const copy = structuredClone(before)
  change(copy)
  return schemaProblems(before, copy)
}

test('S2: fields and descriptions are added freely', () => {
  expect(changed(() => {})).toEqual([])
  const added = changed((schema) => {
    Object.assign(schema.properties, { more: { type: 'string', description: 'new' } })
    schema.required.push('more')
    Object.assign(schema, { description: 'other words' })
  })
  expect(added).toEqual([])
})

test.each<[string, (schema: Changed) => void, string]>([
  ['a field is gone', (schema) => delete schema.properties.id, '/id is gone'],
  [
    'a field has another type',
    (schema) => (schema.properties.id!.type = 'integer'),
    '/id may have another type',
  ],
  [
    'a field has one more type',
    (schema) => (schema.properties.id!.type = ['string', 'null']),
    '/id may have another',
  ],
  [
    'a field has no type any more',
    (schema) => delete schema.properties.id!.type,
    '/id may have another type',
  ],
  ['a field is optional now', (schema) => schema.required.pop(), 'no longer requires'],
  ['an enum has one more value', (schema) => schema.properties.op.enum.push('x'), '/op may have new values'],
  ['another pattern', (schema) => (schema.properties.id!.pattern = '^b'), '/id has another pattern'],
  ['within a list', (schema) => delete schema.properties.list.items.properties.x, '/list/*/x is gone'],
  [
    'within a map',
    (schema) => (schema.properties.map.additionalProperties = { type: 'string' }),
    '/map/* may have',
  ],
])('S1: %s', (_, change, problem) => {
  expect(changed(change).join('\n')).toMatch(problem)
})
