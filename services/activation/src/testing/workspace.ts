/** A small workspace for the tests of this service, made the way services make theirs. */
import {
  type DestinationDocument,
  type SyncDocument,
  type WorkspaceConfiguration,
  type WorkspaceDocument,
  buildWorkspace,
  canonicalJson,
  documentHash,
} from '@tributary/configuration'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'

type Given = WorkspaceDocument | DestinationDocument | SyncDocument

const workspace: WorkspaceDocument = {
  kind: 'Workspace',
  id: 'shop',
  schema: 'tributary/v1',
  timeZone: 'Europe/Paris',
}

export function workspaceOf(...documents: Given[]): WorkspaceConfiguration {
  const all = documents.some((one) => one.kind === 'Workspace') ? documents : [workspace, ...documents]
  return buildWorkspace(
    Revision.fromPartial({
      revision: 1,
      documents: all.map((document) => ({
        kind: document.kind,
        id: document.id,
        json: canonicalJson(document as never),
        hash: documentHash(document as never),
        managedBy: 'files',
      })),
    }),
  )
}

export function destination(over: Partial<DestinationDocument> = {}): DestinationDocument {
  return {
    kind: 'Destination',
    id: 'crm',
    webhook: { url: 'https://crm.example/hooks', signingSecret: { file: 'crm-webhook' } },
    ...over,
  }
}

export function audienceSync(over: Partial<SyncDocument> = {}): SyncDocument {
  return { kind: 'Sync', id: 'vips-to-crm', from: { audience: 'vip' }, to: 'crm', ...over }
}

export function profileSync(over: Partial<SyncDocument> = {}): SyncDocument {
  return { kind: 'Sync', id: 'people-to-crm', from: { profile: {} }, to: 'crm', ...over }
}
