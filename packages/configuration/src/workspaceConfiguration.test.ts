import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { documentName, type Document } from './model/index.ts'
import { documentsToYaml } from './documentsToYaml.ts'
import { parseDocuments } from './parseDocuments.ts'
import { nextRevision, toRevisionDocument } from './revisions.ts'
import { formatProblem, validateDocuments, validateWorkspace } from './validateWorkspace.ts'
import { buildWorkspace, UnusableRevision } from './workspaceConfiguration.ts'

const folder = join(import.meta.dirname, '../../../examples/shop')
const parsed = parseDocuments(
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') })),
)
const documents = parsed.documents.map((each) => each.document)
const note = { author: 'a', message: 'm', createdAtMs: 0 }

function workspaceOf(given: readonly Document[]) {
  const revision = nextRevision(
    undefined,
    given.map((each) => toRevisionDocument(each, 'files')),
    note,
  )
  return buildWorkspace(Revision.decode(Revision.encode(revision).finish()))
}

test('the example of a shop is valid', () => {
  expect([...parsed.problems, ...validateWorkspace(parsed.documents)]).toEqual([])
})

test('a revision becomes documents by kind and id, as they were written', () => {
  const workspace = workspaceOf(documents)
  expect(workspace.workspace.id).toBe('maison')
  expect([...workspace.sources.keys()]).toEqual(['crm', 'email', 'pos', 'support', 'web'])
  expect(workspace.traits.get('spend')!.sum).toEqual({ event: 'Order Completed', path: 'properties.total' })
  expect(workspace.audiences.get('gold_members')!.where).toEqual({ trait: 'traits.tier', eq: 'gold' })
  expect(workspace.destinations.get('crm-webhook')!.webhook!.allowPrivateAddresses).toBe(true)
  expect(workspace.syncs.size).toBe(2)
  expect(workspace.hashOf('trait/spend')).toBe(workspace.documents.get('trait/spend')!.hash)
  expect(workspace.hashOf('trait/nothing')).toBeUndefined()
})

test('defaults of types of identifiers come from their strength and name', () => {
  const types = workspaceOf([
    { kind: 'Workspace', schema: 'tributary/v1', id: 'm', timeZone: 'UTC' },
    {
      kind: 'Identity',
      id: 'default',
      types: [
        { type: 'crm_id', strength: 'strong' },
        { type: 'email' },
        { type: 'anonymous_id', from: ['anon'] },
      ],
    },
  ]).identityRules.types
  expect(types).toEqual([
    {
      type: 'crm_id',
      strength: 'strong',
      maxPerProfile: 1,
      normaliser: 'trim',
      normaliserVersion: 1,
      from: ['traits.crm_id', 'context.traits.crm_id'],
    },
    {
      type: 'email',
      strength: 'weak',
      maxPerProfile: 5,
      sharedAfter: 3,
      normaliser: 'email',
      normaliserVersion: 1,
      from: ['traits.email', 'context.traits.email'],
    },
    {
      type: 'anonymous_id',
      strength: 'weak',
      maxPerProfile: 50,
      sharedAfter: 3,
      normaliser: 'trim',
      normaliserVersion: 1,
      from: ['anon'],
    },
  ])
})

test('without an Identity document the defaults hold, and they have a hash', () => {
  const workspace = workspaceOf([{ kind: 'Workspace', schema: 'tributary/v1', id: 'm', timeZone: 'UTC' }])
  expect(workspace.identity).toBeUndefined()
  expect(workspace.identityRules.types.map((rule) => rule.type)).toEqual([
    'user_id',
    'email',
    'phone',
    'device_id',
    'anonymous_id',
  ])
  expect(workspace.hashOf('identity/default')).toMatch(/^[0-9a-f]{16}$/)
})

test('a revision of a newer version, or without a workspace, is refused with the reason', () => {
  expect(() => workspaceOf([])).toThrow(UnusableRevision)
  const newer = Revision.fromPartial({
    revision: 9,
    documents: [{ kind: 'Consent', id: 'x', json: '{}', hash: '', managedBy: 'files' }],
  })
  expect(() => buildWorkspace(newer)).toThrow(
    'revision 9 cannot be used: it has a document of kind Consent, unknown here',
  )
})

test('documents written as YAML are read back as the same documents', () => {
  const odd: Document = {
    kind: 'Trait',
    id: 'odd',
    description: 'costs ${PRICE}, "yes", no: 1',
    count: { event: 'on' },
  }
  const files = [...documentsToYaml([...documents, odd])].map(([name, text]) => ({ name, text }))
  const again = parseDocuments(files)
  expect(again.problems).toEqual([])
  const byName = (each: readonly Document[]) =>
    new Map(each.map((document) => [documentName(document), document]))
  expect(byName(again.documents.map((each) => each.document))).toEqual(byName([...documents, odd]))
})

test('documents that come from no file are checked as those of a file are', () => {
  expect(validateDocuments(documents)).toEqual([])
  const broken = documents.filter((document) => document.kind !== 'Trait')
  expect(validateDocuments(broken).map(formatProblem)).toContain(
    'audience/big_spenders: where.all.0.trait: there is no Trait document `spend` (a trait people send is written traits.spend)',
  )
})

test.each([
  [
    'windows that together are too large for a record',
    60,
    { first: { event: 'e', path: 'properties.a', within: '90d' } },
    /^workspace: traits and events in audiences could need \d+ bytes of every person; at most 575000 fit/,
  ],
  [
    'more unique lists than a change can show',
    30,
    { uniqueList: { event: 'e', path: 'properties.a' } },
    /^workspace: computed traits could need \d+ bytes of one change; at most 360000 fit/,
  ],
])('%s are refused before anything is applied', (_, count, body, message) => {
  const small: Document[] = Array.from({ length: 400 }, (_each, i) => ({
    kind: 'Trait',
    id: `c${i}`,
    count: { event: `e${i}` },
  }))
  const many: Document[] = Array.from({ length: count }, (_each, i) => ({
    kind: 'Trait',
    id: `t${i}`,
    ...body,
  }))
  expect(validateDocuments([...documents, ...small, ...many]).map(formatProblem)).toContainEqual(
    expect.stringMatching(message),
  )
})

test('more aggregates than a person can hold are refused before anything is applied', () => {
  const many: Document[] = Array.from({ length: 600 }, (_, i) => ({
    kind: 'Trait',
    id: `t${i}`,
    count: { event: `e${i}` },
  }))
  expect(validateDocuments([...documents, ...many]).map(formatProblem)).toEqual([
    expect.stringMatching(
      /^workspace: traits and events in audiences need 60\d aggregates of every person; at most \d+ are kept/,
    ),
  ])
})
