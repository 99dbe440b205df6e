import { describe, expect, test } from '@jest/globals'
import type { Document, IdentityDocument } from './model/index.ts'
import { changedFields, planChanges } from './plan.ts'
import { toRevisionDocument } from './revisions.ts'

const workspace: Document = {
  kind: 'Workspace',
  schema: 'tributary/v1',
  id: 'maison',
  timeZone: 'Europe/Paris',
  region: 'FR',
}
const identity = (changes: Partial<IdentityDocument> = {}): Document => ({
  kind: 'Identity',
  id: 'default',
  types: [{ type: 'user_id', strength: 'strong' }, { type: 'email' }],
  ...changes,
})
const web: Document = { kind: 'Source', id: 'web', http: { keys: [{ kind: 'client', value: 'wk_web_1' }] } }
const spend: Document = {
  kind: 'Trait',
  id: 'spend',
  sum: { event: 'Order Completed', path: 'properties.total' },
}
const name: Document = { kind: 'Trait', id: 'first_name', prefer: ['web'] }
const big: Document = { kind: 'Audience', id: 'big', name: 'Big', where: { trait: 'spend', gte: 200 } }
const crm: Document = {
  kind: 'Destination',
  id: 'crm',
  webhook: { url: 'https://x.example', signingSecret: { file: 'crm' } },
}
const sync: Document = { kind: 'Sync', id: 'big-to-crm', from: { audience: 'big' }, to: 'crm' }
const all = [workspace, identity(), web, spend, name, big, crm, sync]

function plan(before: readonly Document[], after: readonly Document[], parent = 3) {
  return planChanges(
    parent,
    before.map((each) => toRevisionDocument(each, 'files')),
    after.map((each) => toRevisionDocument(each, 'files')),
  )
}

function replaced(document: Document): Document[] {
  return all.map((each) => (each.kind === document.kind && each.id === document.id ? document : each))
}

const cases: readonly (readonly [string, readonly Document[], string, string])[] = [
  ['a name of an audience', replaced({ ...big, name: 'Bigger' }), 'audience/big', 'live'],
  [
    'a condition of an audience',
    replaced({ ...big, where: { trait: 'spend', gte: 300 } }),
    'audience/big',
    'back-fill',
  ],
  [
    'a trait',
    replaced({ ...spend, sum: { event: 'Order', path: 'properties.total' } }),
    'trait/spend',
    'back-fill',
  ],
  ['which source is preferred', replaced({ ...name, prefer: ['web', 'crm'] }), 'trait/first_name', 'live'],
  [
    'a key of a source',
    replaced({ ...web, http: { keys: [{ kind: 'secret', file: 'k' }] } }),
    'source/web',
    'live',
  ],
  ['a destination', replaced({ ...crm, maxPerSecond: 3 }), 'destination/crm', 'live'],
  ['a sync', replaced({ ...sync, on: ['entered'] }), 'sync/big-to-crm', 'live'],
  [
    'a limit of identity',
    replaced(
      identity({
        types: [
          { type: 'user_id', strength: 'strong' },
          { type: 'email', maxPerProfile: 9 },
        ],
      }),
    ),
    'identity/default',
    're-resolve',
  ],
  [
    'a blocked value',
    replaced(identity({ blocked: [{ type: 'email', value: 'till@shop.example' }] })),
    'identity/default',
    're-resolve',
  ],
  [
    'a default written out',
    replaced(
      identity({ types: [{ type: 'user_id', strength: 'strong', maxPerProfile: 1 }, { type: 'email' }] }),
    ),
    'identity/default',
    'live',
  ],
  [
    'the order of types',
    replaced(identity({ types: [{ type: 'email' }, { type: 'user_id', strength: 'strong' }] })),
    'identity/default',
    'rebuild',
  ],
  ['a placeholder', replaced(identity({ placeholders: { values: ['x'] } })), 'identity/default', 'rebuild'],
  ['the region of phone numbers', replaced({ ...workspace, region: 'DE' }), 'workspace/maison', 'rebuild'],
  ['the time zone', replaced({ ...workspace, timeZone: 'UTC' }), 'workspace/maison', 'live'],
]

test.each(cases)('a change of %s is of its class', (_, after, document, changeClass) => {
  const { changes, counts } = plan(all, after)
  expect(changes.map((change) => [change.document, change.action, change.class])).toEqual([
    [document, 'update', changeClass],
  ])
  expect(counts[changeClass as 'live']).toBe(1)
})

test('nothing changed is an empty plan', () => {
  expect(plan(all, all).changes).toEqual([])
})

test('in the first revision nothing has to be resolved anew', () => {
  expect(new Set(plan([], all, 0).changes.map((change) => change.class))).toEqual(
    new Set(['live', 'back-fill']),
  )
})

test('what goes is live; another workspace is refused', () => {
  expect(plan(all, [workspace, identity()]).changes.map((change) => [change.action, change.class])).toEqual(
    Array.from({ length: 6 }, () => ['delete', 'live']),
  )
  expect(
    plan(
      all,
      replaced(workspace).map((each) => (each === workspace ? { ...workspace, id: 'other' } : each)),
    ).counts.refused,
  ).toBe(2)
})

test('a revision that one record cannot hold is refused', () => {
  const blocked = Array.from({ length: 9_000 }, (_, i) => ({
    type: 'email',
    value: `${'x'.repeat(100)}${i}@shop.example`,
  }))
  expect(plan(all, replaced(identity({ blocked }))).changes.at(-1)).toMatchObject({
    class: 'refused',
    note: expect.stringMatching(/would have \d+ bytes; one record holds at most 921600/),
  })
})

describe('changed fields', () => {
  test.each([
    [{ a: 1 }, { a: 1 }, []],
    [{ a: { b: 1 } }, { a: { b: 2 } }, [{ path: 'a.b', before: 1, after: 2 }]],
    [{ a: [1, 2] }, { a: [1, 3] }, [{ path: 'a[1]', before: 2, after: 3 }]],
    [{ a: [1] }, { a: [1, 2] }, [{ path: 'a', before: [1], after: [1, 2] }]],
    [
      { a: 1 },
      { b: 1 },
      [
        { path: 'a', before: 1 },
        { path: 'b', after: 1 },
      ],
    ],
  ])('from %j to %j are %j', (before, after, fields) => {
    expect(changedFields(before, after)).toEqual(fields)
  })
})

test('what a job has to carry out are traits and audiences that mean something else, come or go', () => {
  expect(plan([], all, 0).adoptions).toEqual(['audience/big', 'trait/spend'])
  expect(plan(all, replaced({ ...big, name: 'Bigger' })).adoptions).toEqual([])
  expect(plan(all, replaced({ ...name, prefer: ['crm'] })).adoptions).toEqual([])
  expect(
    plan(
      all,
      all.filter((document) => document !== big),
    ).adoptions,
  ).toEqual(['audience/big'])
})
