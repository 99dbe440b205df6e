/**
 * Revisions: one record of the config topic is one whole state of the workspace.
 *
 * Invariants:
 *  R1. A record is accepted when its parent is the revision held and its number is the next; everything else is
 *      ignored by everybody in the same way, so the log's order decides between writers.
 *  R2. A document's json is canonical: the same documents give the same bytes.
 *  R3. A new revision keeps every document it does not touch byte for byte, its hash and its manager included.
 *  R4. A revision may be for a layout epoch on: what can move an anchor holds only where everything is made anew. Who
 *      works for an earlier one keeps what held before, and follows the chain.
 */
import {
  Revision,
  type Document as RevisionDocument,
} from '@tributary/contracts/generated/tributary/config/v1/revision'
import { acceptRevision } from './acceptRevision.ts'
import { canonicalJson } from './canonicalJson.ts'
import { documentHash } from './documentHash.ts'
import { documentName, type Document } from './model/index.ts'

export type Manager = 'files' | 'console'

/** Largest revision, bytes: with its envelope it must stay under the 1 MiB a broker takes by default. */
export const MAX_REVISION_BYTES = 921_600

export interface LoggedRevision {
  readonly offset: number
  readonly revision: Revision
  /** Whether it followed the one before it (R1). */
  readonly accepted: boolean
}

/** The config topic from its start, each record with what became of it. */
export function readRevisions(
  records: Iterable<{ readonly offset: number; readonly value: Buffer | null }>,
): LoggedRevision[] {
  const revisions: LoggedRevision[] = []
  let held = 0
  for (const { offset, value } of records) {
    if (!value) continue
    const revision = Revision.decode(value)
    const accepted = acceptRevision(held, revision)
    if (accepted) held = revision.revision
    revisions.push({ offset, revision, accepted })
  }
  return revisions
}

/** The revision in force for a layout epoch (R4), the last of all when none is given; undefined before the first. */
export function heldRevision(
  revisions: readonly LoggedRevision[],
  epoch = Infinity,
): LoggedRevision | undefined {
  return revisions.findLast(({ accepted, revision }) => accepted && revision.layoutEpoch <= epoch)
}

/** What was in force before the first revision that is for a layout epoch; undefined when there is none for it. */
export function revisionBefore(
  revisions: readonly LoggedRevision[],
  epoch: number,
): LoggedRevision | undefined {
  const first = revisions.findIndex(({ accepted, revision }) => accepted && revision.layoutEpoch === epoch)
  return first < 0 ? undefined : heldRevision(revisions.slice(0, first), epoch - 1)
}

export function toRevisionDocument(document: Document, managedBy: Manager): RevisionDocument {
  const { $schema: _schema, ...kept } = document
  return {
    kind: document.kind,
    id: document.id,
    json: canonicalJson(kept),
    hash: documentHash(kept),
    managedBy,
  }
}

export function fromRevisionDocument(document: RevisionDocument): Document {
  return JSON.parse(document.json) as Document
}

export interface Merge {
  readonly documents: readonly RevisionDocument[]
  /** In force, managed by files, in none of the files given, and kept because pruning was not asked for. */
  readonly unpruned: readonly string[]
  /** In the files, but a console manages them: files must not touch them. */
  readonly foreign: readonly string[]
}

/** What a revision made of `files` on top of `held` would hold. */
export function mergeDocuments(
  held: readonly RevisionDocument[],
  files: readonly Document[],
  options: { readonly prune: boolean },
): Merge {
  const merged = new Map(held.map((document) => [documentName(document), document]))
  const foreign: string[] = []
  for (const document of files) {
    const name = documentName(document)
    const before = merged.get(name)
    if (before && before.managedBy !== 'files') {
      foreign.push(name)
      continue
    }
    const after = toRevisionDocument(document, 'files')
    if (!before || before.json !== after.json) merged.set(name, after)
  }
  const given = new Set(files.map(documentName))
  const missing = held
    .filter((document) => document.managedBy === 'files' && !given.has(documentName(document)))
    .map(documentName)
  if (options.prune) for (const name of missing) merged.delete(name)
  return {
    documents: [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, document]) => document),
    unpruned: options.prune ? [] : missing.sort(),
    foreign,
  }
}

export interface RevisionNote {
  readonly author: string
  readonly message: string
  readonly createdAtMs: number
  /** R4; for all when left out. */
  readonly layoutEpoch?: number
}

export function nextRevision(
  held: Revision | undefined,
  documents: readonly RevisionDocument[],
  note: RevisionNote,
): Revision {
  const parent = held?.revision ?? 0
  return Revision.fromPartial({
    revision: parent + 1,
    parent,
    author: note.author,
    message: note.message,
    createdAt: new Date(note.createdAtMs),
    documents: [...documents],
    layoutEpoch: note.layoutEpoch ?? 0,
  })
}
