import { Audience, type AudienceDocument } from './audience.ts'
import { Destination, type DestinationDocument } from './destination.ts'
import { Identity, type IdentityDocument } from './identity.ts'
import { Source, type SourceDocument } from './source.ts'
import { Sync, type SyncDocument } from './sync.ts'
import { Trait, type TraitDocument } from './trait.ts'
import { Workspace, type WorkspaceDocument } from './workspace.ts'

/** Every kind, in the order plans and listings print them. */
export const kinds = { Workspace, Source, Identity, Trait, Audience, Destination, Sync }

export type Kind = keyof typeof kinds

export type Document =
  | WorkspaceDocument
  | SourceDocument
  | IdentityDocument
  | TraitDocument
  | AudienceDocument
  | DestinationDocument
  | SyncDocument

export const kindNames = Object.keys(kinds) as Kind[]

export function isKind(text: unknown): text is Kind {
  return typeof text === 'string' && Object.hasOwn(kinds, text)
}

/** "trait/spend_90d": how a document is named in jobs, rules and plans. */
export function documentName(document: { kind: string; id: string }): string {
  return `${document.kind.toLowerCase()}/${document.id}`
}
