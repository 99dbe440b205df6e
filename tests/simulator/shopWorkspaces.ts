/**
 * Workspaces of simulated worlds: one shop whose definitions and rules are changed one feature at a time. Built once
 * per process, since that costs more than a whole world.
 */
import { textDigest } from '@tributary/contracts'
import {
  type WorkspaceConfiguration,
  buildWorkspace,
  canonicalJson,
  documentHash,
} from '@tributary/configuration'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { type PreparedRules, prepareRules } from '@tributary/domain'
import { type WorkspaceView, viewWorkspace } from '../../services/profile-store/src/workspaceView.ts'

const features = [
  'views',
  'windows',
  'lowerBar',
  'preferCrm',
  'noOrders',
  'strictIdentity',
  'blockedTill',
] as const
export type Feature = (typeof features)[number]
export const allFeatures: readonly Feature[] = features

export interface ShopWorkspace {
  readonly workspace: WorkspaceConfiguration
  readonly view: WorkspaceView
  readonly rules: PreparedRules
}

/** What no identifier is: the till's own address. */
export const TILL_EMAIL = 'till@shop.example'

const hashOfIdentifier = (type: string, version: number, value: string): string =>
  textDigest(`${type} ${version} ${value}`)

const built = new Map<string, ShopWorkspace>()

export function shopWorkspace(on: ReadonlySet<Feature>): ShopWorkspace {
  const name = features.filter((each) => on.has(each)).join()
  let found = built.get(name)
  if (!found) {
    const workspace = buildWorkspace(revisionOf(documentsOf(on)))
    const rules = prepareRules(workspace.identityRules, {
      hashIdentifier: hashOfIdentifier,
      phone: () => undefined,
    })
    built.set(name, (found = { workspace, view: viewWorkspace(workspace, hashOfIdentifier), rules }))
  }
  return found
}

interface AnyDocument {
  readonly kind: string
  readonly id: string
  readonly [field: string]: unknown
}

function documentsOf(on: ReadonlySet<Feature>): AnyDocument[] {
  const documents: AnyDocument[] = [
    { kind: 'Workspace', id: 'shop', schema: 'tributary/v1', timeZone: 'Europe/Paris' },
    { kind: 'Trait', id: 'spend', sum: { event: 'Order Completed', path: 'properties.total' } },
    { kind: 'Trait', id: 'lately', count: { event: 'Order Completed', within: '1m' } },
    { kind: 'Audience', id: 'buyers', where: { event: 'Order Completed' } },
    { kind: 'Audience', id: 'rich', where: { trait: 'spend', gte: on.has('lowerBar') ? 50 : 100 } },
    {
      kind: 'Destination',
      id: 'crm',
      maxPerSecond: 1_000,
      webhook: { url: 'https://crm.example/hooks', signingSecret: { file: 'crm' } },
    },
    { kind: 'Sync', id: 'people', from: { profile: {} }, to: 'crm' },
    { kind: 'Sync', id: 'buyers', from: { audience: 'buyers' }, to: 'crm' },
  ]
  if (!on.has('noOrders'))
    documents.push({ kind: 'Trait', id: 'orders', count: { event: 'Order Completed' } })
  if (on.has('views'))
    documents.push(
      { kind: 'Trait', id: 'last-view', last: { event: 'Home' } },
      { kind: 'Audience', id: 'browsers', where: { event: 'Home', count: { gte: 2 } } },
    )
  if (on.has('windows'))
    documents.push(
      { kind: 'Trait', id: 'usual', mostFrequent: { event: 'Order Completed', path: 'properties.total' } },
      {
        kind: 'Trait',
        id: 'totals',
        uniqueList: { event: 'Order Completed', path: 'properties.total', within: '24h' },
      },
      {
        kind: 'Trait',
        id: 'mean',
        average: { event: 'Order Completed', path: 'properties.total', within: '2m' },
      },
    )
  if (on.has('preferCrm')) documents.push({ kind: 'Trait', id: 'plan', prefer: ['crm'] })
  if (on.has('strictIdentity') || on.has('blockedTill'))
    documents.push({
      kind: 'Identity',
      id: 'default',
      types: [
        { type: 'user_id', strength: 'strong' },
        { type: 'email', ...(on.has('strictIdentity') && { maxPerProfile: 1 }) },
        { type: 'phone' },
        { type: 'device_id' },
        { type: 'anonymous_id', ...(on.has('strictIdentity') && { sharedAfter: 1, maxPerProfile: 2 }) },
      ],
      ...(on.has('strictIdentity') && { owner: 'nobody' }),
      ...(on.has('blockedTill') && { blocked: [{ type: 'email', value: TILL_EMAIL }] }),
    })
  return documents
}

function revisionOf(documents: readonly AnyDocument[]): Revision {
  return Revision.fromPartial({
    revision: 1,
    documents: documents.map((document) => ({
      kind: document.kind,
      id: document.id,
      json: canonicalJson(document as never),
      hash: documentHash(document as never),
      managedBy: 'files',
    })),
  })
}
