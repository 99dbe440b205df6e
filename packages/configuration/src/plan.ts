/**
 * What a new revision would change, and how each change is carried out.
 *
 * Classes, from the least to the most:
 *  - live: holds as soon as a service has read it.
 *  - back-fill: something computed from events is new or means something else.
 *  - re-resolve: who belongs together may change; nobody's anchor does.
 *  - rebuild: anchors may move, so everything is computed anew in a new layout epoch.
 *  - refused: it would break what others rely on, or this version cannot carry it out; nothing is applied.
 */
import {
  Revision,
  type Document as RevisionDocument,
} from '@tributary/contracts/generated/tributary/config/v1/revision'
import { canonicalJson } from './canonicalJson.ts'
import { identityRules, resolverRules } from './identityRules.ts'
import { documentName, type Document, type IdentityDocument, type WorkspaceDocument } from './model/index.ts'
import { fromRevisionDocument, MAX_REVISION_BYTES } from './revisions.ts'

export const changeClasses = ['live', 'back-fill', 're-resolve', 'rebuild', 'refused'] as const
export type ChangeClass = (typeof changeClasses)[number]

export interface Change {
  /** "trait/spend_90d". */
  readonly document: string
  readonly action: 'create' | 'update' | 'delete'
  readonly class: ChangeClass
  /** A sentence: why this class, or what happens. */
  readonly note?: string
  /** Changed paths of an update. */
  readonly fields: readonly FieldChange[]
}

export interface FieldChange {
  readonly path: string
  /** Absent when added. */
  readonly before?: unknown
  /** Absent when removed. */
  readonly after?: unknown
}

export interface Plan {
  /** The revision it was made from: applying it on another one is refused. */
  readonly parent: number
  readonly changes: readonly Change[]
  readonly counts: Readonly<Record<ChangeClass, number>>
  /** Traits and audiences that a job has to have adopted or forgotten everywhere: what `apply --wait` waits for. */
  readonly adoptions: readonly string[]
  /** In force, no longer in the files, kept without --prune. */
  readonly unpruned: readonly string[]
  /** Size of the new revision, bytes. */
  readonly bytes: number
}

export function planChanges(
  parent: number,
  before: readonly RevisionDocument[],
  after: readonly RevisionDocument[],
  unpruned: readonly string[] = [],
): Plan {
  const old = new Map(before.map((document) => [documentName(document), document]))
  const next = new Map(after.map((document) => [documentName(document), document]))
  const names = [...new Set([...old.keys(), ...next.keys()])].sort()
  const first = parent === 0
  const changes = names.flatMap((name) => {
    const [a, b] = [old.get(name), next.get(name)]
    if (a && b && a.json === b.json) return []
    return [classify(name, a && fromRevisionDocument(a), b && fromRevisionDocument(b), first)]
  })
  const bytes = Revision.encode(Revision.fromPartial({ documents: [...after] })).finish().length
  if (bytes > MAX_REVISION_BYTES)
    changes.push({
      document: 'workspace',
      action: 'update',
      class: 'refused',
      note: `the revision would have ${bytes} bytes; one record holds at most ${MAX_REVISION_BYTES}`,
      fields: [],
    })
  const counts = Object.fromEntries(
    changeClasses.map((each) => [each, changes.filter((change) => change.class === each).length]),
  ) as Record<ChangeClass, number>
  const adoptions = names.filter((name) => adoptedHash(old.get(name)) !== adoptedHash(next.get(name)))
  return { parent, changes, counts, adoptions, unpruned, bytes }
}

/** Hash of a document that tasks adopt by a job; undefined for all others. */
function adoptedHash(entry: RevisionDocument | undefined): string | undefined {
  if (entry?.kind !== 'Trait' && entry?.kind !== 'Audience') return undefined
  return 'prefer' in fromRevisionDocument(entry) ? undefined : entry.hash
}

function classify(
  name: string,
  before: Document | undefined,
  after: Document | undefined,
  first: boolean,
): Change {
  const action = before ? (after ? 'update' : 'delete') : 'create'
  const fields = before && after ? changedFields(before, after) : []
  const meaning = fields.some(({ path }) => path !== 'name' && path !== 'description')
  const change = (changeClass: ChangeClass, note?: string): Change => ({
    document: name,
    action,
    class: changeClass,
    ...(note !== undefined && { note }),
    fields,
  })
  const document = (after ?? before)!
  if (action === 'update' && !meaning) return change('live', 'for people only')
  switch (document.kind) {
    case 'Workspace':
      return classifyWorkspace(
        change,
        before as WorkspaceDocument | undefined,
        after as WorkspaceDocument | undefined,
        first,
      )
    case 'Identity':
      return first
        ? change('live', 'the first revision: nobody is resolved yet')
        : classifyIdentity(
            change,
            before as IdentityDocument | undefined,
            after as IdentityDocument | undefined,
          )
    case 'Trait':
      if (action === 'delete') return change('live', 'no longer computed or shown')
      if ('prefer' in document) return change('live', 'decided where profiles are folded')
      return change('back-fill', 'what the log has of earlier events is added before it shows')
    case 'Audience':
      if (action === 'delete') return change('live', 'its members leave it')
      return change('back-fill', 'everybody is judged when it is adopted')
    case 'Source':
    case 'Destination':
    case 'Sync':
      break
  }
  return change('live')
}

type Make = (changeClass: ChangeClass, note?: string) => Change

function classifyWorkspace(
  change: Make,
  before: WorkspaceDocument | undefined,
  after: WorkspaceDocument | undefined,
  first: boolean,
): Change {
  if (first && after) return change('live')
  if (!before || !after)
    return change(
      'refused',
      'a workspace keeps its id: subscribers know it. A second one is a second installation',
    )
  if (before.region !== after.region)
    return change('rebuild', `phone numbers get other identifiers: ${byRebuild}`)
  return change('live')
}

const byRebuild = 'holds from the next layout epoch on, when everything has been rebuilt in it'

function classifyIdentity(
  change: Make,
  before: IdentityDocument | undefined,
  after: IdentityDocument | undefined,
): Change {
  if (identityRules(before).hash !== identityRules(after).hash)
    return change(
      'rebuild',
      `order, types, places, normalisers, patterns and placeholders decide anchors: ${byRebuild}`,
    )
  const resolved = (document: IdentityDocument | undefined) =>
    canonicalJson([resolverRules(document, 0, '', []), document?.blocked ?? []])
  return resolved(before) === resolved(after)
    ? change('live', 'written differently, meaning the same')
    : change('re-resolve', 'profiles may merge or split')
}

/** Every path that differs; lists are compared as a whole when their lengths differ. */
export function changedFields(before: unknown, after: unknown, path = ''): FieldChange[] {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return []
  if (isMap(before) && isMap(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
    return keys.flatMap((key) => changedFields(before[key], after[key], path === '' ? key : `${path}.${key}`))
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length)
    return before.flatMap((each, i) => changedFields(each, after[i], `${path}[${i}]`))
  return [{ path, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }]
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
