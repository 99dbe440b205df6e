import {
  type AudienceDocument,
  DEFAULT_IDENTITY,
  type TraitDocument,
  type WorkspaceConfiguration,
  blockedIds,
  canonicalJson,
  documentName,
  resolverRules,
  traitAggregate,
} from '@tributary/configuration'
import {
  type HashIdentifier,
  type NormalisePhone,
  type AggregateDefinition,
  MAX_AGGREGATES,
  MAX_KEPT_BYTES,
  compileAudience,
  keptBytes,
} from '@tributary/domain'
import { type Rules } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { hashText } from '../adoption.ts'
import { type NewDocument } from './jobRows.ts'

/** What a job needs of a revision. */
export interface JobConfiguration {
  /** Its number, for people. */
  readonly revision?: number
  /** Trait and Audience documents that tasks adopt, sorted by name. */
  readonly documents: readonly NewDocument[]
  /** What cannot be adopted, with the reason, for people. */
  readonly refused: readonly string[]
  readonly rules: Omit<Rules, 'configOffset'>
}

/** What a job needs of a workspace. `hash` and `phone` make identifier ids of the blocked values. */
export function jobConfiguration(
  workspace: WorkspaceConfiguration,
  ports: { readonly hash: HashIdentifier; readonly phone: NormalisePhone },
): JobConfiguration {
  const documents: NewDocument[] = []
  const refused: string[] = []
  const aggregates = new Map<string, number>()
  for (const [name, { hash, document }] of workspace.documents) {
    const needed = neededAggregates(document as TraitDocument | AudienceDocument, hash)
    if (needed === undefined) continue
    if (typeof needed === 'string') {
      refused.push(`${name}: ${needed}`)
      continue
    }
    const more = new Map([...aggregates, ...needed.map((each) => [each.document, keptBytes(each)] as const)])
    const bytes = [...more.values()].reduce((sum, each) => sum + each, 0)
    if (more.size > MAX_AGGREGATES || bytes > MAX_KEPT_BYTES) {
      refused.push(
        `${name}: traits and audiences together need more than ${MAX_AGGREGATES} aggregates or ${MAX_KEPT_BYTES} bytes of a person; remove some of them`,
      )
      continue
    }
    for (const [each, size] of more) aggregates.set(each, size)
    documents.push({ document: name, hash, definition: canonicalJson(document) })
  }
  const { configOffset: _offset, ...rules } = resolverRules(
    workspace.identity,
    0,
    workspace.hashOf(workspace.identity ? documentName(workspace.identity) : DEFAULT_IDENTITY) ?? '',
    blockedIds(workspace.identityRules, ports),
  )
  return { revision: workspace.revision, documents, refused, rules }
}

/** The aggregates; a text says why it cannot be; undefined for what no task adopts. */
function neededAggregates(
  document: TraitDocument | AudienceDocument,
  hash: string,
): readonly AggregateDefinition[] | string | undefined {
  if (document.kind === 'Audience') {
    return compileAudience(document.where, hashText).aggregates
  }
  if (document.kind !== 'Trait' || document.prefer) return undefined
  const aggregate = traitAggregate(document, hash)
  return aggregate ? [aggregate] : 'not yet: this kind of computed trait'
}
