import {
  type WorkspaceConfiguration,
  buildWorkspace,
  canonicalJson,
  documentHash,
} from '@tributary/configuration'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'

/** A workspace of documents as they would be written in YAML; one Workspace document is added when there is none. */
export function workspaceOf(
  documents: readonly { readonly kind: string; readonly id: string }[],
  revision = 1,
): WorkspaceConfiguration {
  const all = documents.some((each) => each.kind === 'Workspace')
    ? documents
    : [
        { kind: 'Workspace', id: 'shop', schema: 'tributary/v1', region: 'FR', timeZone: 'Europe/Paris' },
        ...documents,
      ]
  return buildWorkspace(
    Revision.fromPartial({
      revision,
      parent: revision - 1,
      documents: all.map((document) => ({
        kind: document.kind,
        id: document.id,
        json: canonicalJson(document),
        hash: documentHash(document),
        managedBy: 'files',
      })),
    }),
  )
}

/** Sources over HTTP and from Kafka, for tests. */
export const exampleSources = [
  {
    kind: 'Source',
    id: 'web',
    http: {
      keys: [
        { kind: 'client', value: 'wk_web_1' },
        { kind: 'client', value: 'wk_web_2' },
        { kind: 'secret', file: 'web-key' },
      ],
      origins: ['https://shop.example'],
    },
  },
  {
    kind: 'Source',
    id: 'crm',
    http: { keys: [{ kind: 'client', value: 'wk_crm_1' }], limits: { eventBytes: 921_600 } },
  },
  { kind: 'Source', id: 'old', http: { keys: [{ kind: 'client', value: 'wk_old_1' }] }, disabled: true },
  {
    kind: 'Source',
    id: 'pos',
    kafka: { topic: 'retail.receipts', format: 'json', start: 'earliest' },
    map: {
      event: { const: 'Order Completed' },
      messageId: 'receiptId',
      time: { path: 'soldAt', zone: 'Europe/Paris' },
      identifiers: { email: 'customer.email', user_id: 'customer.number' },
      properties: { total: 'total', products: 'lines' },
    },
  },
  { kind: 'Source', id: 'orders', kafka: { topic: 'shop.orders', format: 'cloudevents' } },
  {
    kind: 'Source',
    id: 'customers',
    kafka: { topic: 'crm.public.customers', format: 'debezium', onDelete: 'unset' },
    map: {
      type: { const: 'identify' },
      identifiers: { user_id: 'id', email: 'email' },
      traits: { plan: 'plan' },
    },
  },
  { kind: 'Source', id: 'app', kafka: { topic: 'app.events', format: 'segment' }, zone: 'Europe/Paris' },
] as const
