/**
 * One whole revision as the services use it: the documents by kind and id, typed.
 *
 * A revision in the log was validated by whoever wrote it; services of an older version may still meet documents they
 * do not know. `buildWorkspace` therefore checks again and throws: a service that cannot accept a revision keeps the
 * one it has and says so.
 */
import type { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import type { IdentityRules } from '@tributary/domain'
import { documentHash } from './documentHash.ts'
import { identityRules } from './identityRules.ts'
import {
  documentName,
  isKind,
  type AudienceDocument,
  type DestinationDocument,
  type Document,
  type IdentityDocument,
  type SourceDocument,
  type SyncDocument,
  type TraitDocument,
  type WorkspaceDocument,
} from './model/index.ts'

export interface WorkspaceConfiguration {
  readonly revision: number
  readonly workspace: WorkspaceDocument
  readonly sources: ReadonlyMap<string, SourceDocument>
  /** Undefined when there is none; the defaults then hold, see identityRules. */
  readonly identity: IdentityDocument | undefined
  /** The Identity document with all defaults, ready for reading events. */
  readonly identityRules: IdentityRules
  readonly traits: ReadonlyMap<string, TraitDocument>
  readonly audiences: ReadonlyMap<string, AudienceDocument>
  readonly destinations: ReadonlyMap<string, DestinationDocument>
  readonly syncs: ReadonlyMap<string, SyncDocument>
  /** Hash of a document by its name ("trait/spend_90d"); "identity/default" also when there is no document. */
  hashOf(name: string): string | undefined
  /** All documents by name, sorted. */
  readonly documents: ReadonlyMap<string, { readonly hash: string; readonly document: Document }>
}

/** A revision this version of the software cannot run. */
export class UnusableRevision extends Error {
  constructor(revision: number, reason: string) {
    super(`revision ${revision} cannot be used: ${reason}`)
    this.name = 'UnusableRevision'
  }
}

/** Name under which the identity rules have a hash when there is no Identity document. */
export const DEFAULT_IDENTITY = 'identity/default'

export function buildWorkspace(revision: Revision): WorkspaceConfiguration {
  const documents = new Map<string, { hash: string; document: Document }>()
  for (const entry of revision.documents) {
    if (!isKind(entry.kind))
      throw new UnusableRevision(revision.revision, `it has a document of kind ${entry.kind}, unknown here`)
    const document = JSON.parse(entry.json) as Document
    documents.set(documentName(entry), { hash: entry.hash, document })
  }
  const sorted = new Map([...documents].sort(([a], [b]) => (a < b ? -1 : 1)))
  const ofKind = <D extends Document>(kind: D['kind']): ReadonlyMap<string, D> =>
    new Map(
      [...sorted.values()]
        .map(({ document }) => document)
        .filter((document): document is D => document.kind === kind)
        .map((document) => [document.id, document]),
    )
  const workspace = [...ofKind<WorkspaceDocument>('Workspace').values()][0]
  if (!workspace) throw new UnusableRevision(revision.revision, 'it has no Workspace document')
  const identity = [...ofKind<IdentityDocument>('Identity').values()][0]
  const rules = identityRules(identity)
  return {
    revision: revision.revision,
    workspace,
    sources: ofKind<SourceDocument>('Source'),
    identity,
    identityRules: rules,
    traits: ofKind<TraitDocument>('Trait'),
    audiences: ofKind<AudienceDocument>('Audience'),
    destinations: ofKind<DestinationDocument>('Destination'),
    syncs: ofKind<SyncDocument>('Sync'),
    hashOf: (name) =>
      sorted.get(name)?.hash ?? (name === DEFAULT_IDENTITY && !identity ? documentHash(rules) : undefined),
    documents: sorted,
  }
}
