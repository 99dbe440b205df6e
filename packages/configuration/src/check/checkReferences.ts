/**
 * What is wrong with documents as a whole: what they point at must be there, and what is unique must stand once.
 */
import {
  type AggregateDefinition,
  MAX_AGGREGATES,
  MAX_KEPT_BYTES,
  MAX_SHOWN_BYTES,
  compileAudience,
  defaultIdentifierRules,
  keptBytes,
  shownBytes,
} from '@tributary/domain'
import {
  type AudienceDocument,
  type DestinationDocument,
  type Document,
  type EventFilter,
  type IdentityDocument,
  type Kind,
  type SourceDocument,
  type SyncDocument,
  type TraitDocument,
  holdsState,
} from '../model/index.ts'
import { readRecipe } from '../recipe/readRecipe.ts'
import { compileFieldExpression } from '../expression/fieldExpression.ts'
import { traitAggregate } from '../traitAggregate.ts'
import type { Finding, PathStep } from './checkSchema.ts'
import { leavesOf } from './leaves.ts'
import { didYouMean } from './suggestion.ts'

/** A finding of one document, or of all of them together (no document). */
export interface WorkspaceFinding extends Finding {
  readonly document?: Document
}

export function checkReferences(documents: readonly Document[]): WorkspaceFinding[] {
  const index = new WorkspaceIndex(documents)
  return [
    ...index.checkCounts(),
    ...index.checkUnique(),
    ...index.checkAggregates(),
    ...documents.flatMap((document) =>
      index.checkDocument(document).map((finding) => ({ ...finding, document })),
    ),
  ]
}

class WorkspaceIndex {
  private readonly documents: readonly Document[]

  constructor(documents: readonly Document[]) {
    this.documents = documents
  }

  private ofKind<D extends Document>(kind: D['kind']): D[] {
    return this.documents.filter((document): document is D => document.kind === kind)
  }

  private identifierTypes(): string[] {
    const identity = this.ofKind<IdentityDocument>('Identity')[0]
    return (identity?.types ?? defaultIdentifierRules).map((rule) => rule.type)
  }

  private purposes(): string[] {
    return this.ofKind<Document & { kind: 'Workspace' }>('Workspace')[0]?.consent?.purposes ?? []
  }

  checkCounts(): WorkspaceFinding[] {
    const findings: WorkspaceFinding[] = []
    if (this.ofKind('Workspace').length === 0)
      findings.push({ path: [], message: 'there is no Workspace document; exactly one is needed' })
    for (const kind of ['Workspace', 'Identity'] as const)
      for (const document of this.ofKind(kind).slice(1))
        findings.push({
          document,
          path: ['kind'],
          message: `there is another ${kind} document; only one can be`,
        })
    return findings
  }

  /** What every fragment of every person keeps: one aggregate per trait and per different event leaf. */
  checkAggregates(): WorkspaceFinding[] {
    const needed = new Map<string, AggregateDefinition>()
    const shown: AggregateDefinition[] = []
    for (const trait of this.ofKind<TraitDocument>('Trait')) {
      const aggregate = traitAggregate(trait, '')
      if (!aggregate) continue
      needed.set(aggregate.document, aggregate)
      shown.push(aggregate)
    }
    for (const audience of this.ofKind<AudienceDocument>('Audience'))
      for (const aggregate of compileAudience(audience.where, (text) => text).aggregates)
        needed.set(aggregate.document, aggregate)
    const kept = [...needed.values()].reduce((bytes, each) => bytes + keptBytes(each), 0)
    const computed = shown.reduce((bytes, each) => bytes + shownBytes(each), 0)
    const messages: string[] = []
    if (needed.size > MAX_AGGREGATES)
      messages.push(
        `traits and events in audiences need ${needed.size} aggregates of every person; at most ${MAX_AGGREGATES} are kept: remove some`,
      )
    else if (kept > MAX_KEPT_BYTES)
      messages.push(
        `traits and events in audiences could need ${kept} bytes of every person; at most ${MAX_KEPT_BYTES} fit: remove some, or shorten their windows`,
      )
    else if (computed > MAX_SHOWN_BYTES)
      messages.push(
        `computed traits could need ${computed} bytes of one change; at most ${MAX_SHOWN_BYTES} fit: remove some, unique lists first`,
      )
    return messages.map((message) => ({ path: [], message }))
  }

  checkUnique(): WorkspaceFinding[] {
    const findings: WorkspaceFinding[] = []
    const keys = new Map<string, string>()
    const topics = new Map<string, string>()
    for (const document of this.ofKind<SourceDocument>('Source')) {
      for (const [i, key] of (document.http?.keys ?? []).entries()) {
        const text = key.kind === 'client' ? `value ${key.value}` : `file ${key.file}`
        const other = keys.get(text)
        const path = ['http', 'keys', i, key.kind === 'client' ? 'value' : 'file']
        if (other !== undefined)
          findings.push({
            document,
            path,
            message: `source ${other} has the same key: nobody could tell them apart`,
          })
        else keys.set(text, document.id)
      }
      if (!document.kafka) continue
      const other = topics.get(document.kafka.topic)
      if (other !== undefined)
        findings.push({
          document,
          path: ['kafka', 'topic'],
          message: `source ${other} reads the same topic: one topic is one source`,
        })
      else topics.set(document.kafka.topic, document.id)
    }
    return findings
  }

  checkDocument(document: Document): Finding[] {
    switch (document.kind) {
      case 'Source':
        return this.checkSource(document)
      case 'Trait':
        return this.checkTrait(document)
      case 'Audience':
        return this.checkAudience(document)
      case 'Destination':
        return this.checkDestination(document)
      case 'Sync':
        return this.checkSync(document)
      case 'Workspace':
      case 'Identity':
        break
    }
    return []
  }

  private checkSource(document: SourceDocument): Finding[] {
    return Object.keys(document.map?.identifiers ?? {}).flatMap((type) =>
      this.known(this.identifierTypes(), type, 'type of identifier', ['map', 'identifiers', type], true),
    )
  }

  private checkTrait(document: TraitDocument): Finding[] {
    const selections = (
      ['count', 'sum', 'first', 'last', 'min', 'max', 'average', 'mostFrequent', 'uniqueList'] as const
    ).flatMap((key) => (document[key]?.filter ? [[key, document[key].filter] as const] : []))
    return [
      ...(document.prefer ?? []).flatMap((source, i) => this.one('Source', source, ['prefer', i])),
      ...selections.flatMap(([key, filter]) => this.checkFilter(filter, [key, 'filter'])),
    ]
  }

  private checkAudience(document: AudienceDocument): Finding[] {
    return leavesOf(document.where, ['where']).flatMap(({ leaf, path }) => {
      if ('trait' in leaf) return this.checkTraitName(leaf.trait, [...path, 'trait'])
      if ('event' in leaf) return leaf.filter ? this.checkFilter(leaf.filter, [...path, 'filter']) : []
      if ('audience' in leaf) return this.checkAudienceRead(document.id, leaf.audience, [...path, 'audience'])
      if ('identifier' in leaf)
        return this.known(this.identifierTypes(), leaf.identifier, 'type of identifier', [
          ...path,
          'identifier',
        ])
      if ('consent' in leaf) return this.known(this.purposes(), leaf.consent, 'purpose', [...path, 'consent'])
      return []
    })
  }

  /** An audience may read others, but never itself by way of them. */
  private checkAudienceRead(reader: string, read: string, path: readonly PathStep[]): Finding[] {
    const missing = this.one('Audience', read, path)
    const circle = missing.length === 0 && this.wayBetween(read, reader)
    return circle
      ? [{ path, message: `the audience would read itself: ${[reader, ...circle].join(' reads ')}` }]
      : missing
  }

  /** The shortest way from one audience to another by what they read, both ends included. */
  private wayBetween(from: string, to: string): string[] | undefined {
    const audiences = new Map(this.ofKind<AudienceDocument>('Audience').map((each) => [each.id, each]))
    const ways = new Map([[from, [from]]])
    for (const [id, way] of ways) {
      if (id === to) return way
      const audience = audiences.get(id)
      if (!audience) continue
      for (const { leaf } of leavesOf(audience.where))
        if ('audience' in leaf && !ways.has(leaf.audience)) ways.set(leaf.audience, [...way, leaf.audience])
    }
    return undefined
  }

  private checkTraitName(name: string, path: readonly PathStep[]): Finding[] {
    if (name.startsWith('traits.')) return []
    const found = this.one('Trait', name, path)
    return found.map((finding) => ({
      ...finding,
      message: `${finding.message} (a trait people send is written traits.${name})`,
    }))
  }

  private checkFilter(filter: EventFilter, path: readonly PathStep[]): Finding[] {
    const wanted = filter['source']
    if (wanted === undefined) return []
    const named =
      typeof wanted === 'object' ? [wanted.eq, ...(wanted.in ?? []), ...(wanted.notIn ?? [])] : [wanted]
    return named
      .filter((source) => source !== undefined)
      .flatMap((source) => this.one('Source', String(source), [...path, 'source']))
  }

  private checkDestination(document: DestinationDocument): Finding[] {
    return [
      ...(document.purposes ?? []).flatMap((purpose, i) =>
        this.known(this.purposes(), purpose, 'purpose of the workspace', ['purposes', i]),
      ),
      ...(document.recipe ? readRecipe(document.recipe).problems : []),
    ]
  }

  private checkSync(document: SyncDocument): Finding[] {
    return [
      ...('audience' in document.from
        ? this.one('Audience', document.from.audience, ['from', 'audience'])
        : (document.from.profile.paths ?? []).flatMap((path, i) =>
            this.checkProfilePath(path, ['from', 'profile', 'paths', i], profileRoots),
          )),
      ...this.one('Destination', document.to, ['to']),
      ...(document.existing === 'send' && 'profile' in document.from
        ? [
            {
              path: ['existing'],
              message: '`send` is for an audience: a sync of profiles sends each when it next changes',
            },
          ]
        : []),
      ...this.checkProjection(document),
      ...(document.ignoreChangesFrom ?? []).flatMap((source, i) =>
        this.one('Source', source, ['ignoreChangesFrom', i]),
      ),
      ...Object.entries(document.fields ?? {}).flatMap(([field, value]) =>
        typeof value === 'string'
          ? this.checkProfilePath(value, ['fields', field], itemRoots)
          : 'cel' in value
            ? checkExpression(value.cel, ['fields', field, 'cel'])
            : [],
      ),
    ]
  }

  /** A topic holds one record per profile, a table one row: what one sync chooses to show. */
  private checkProjection(document: SyncDocument): Finding[] {
    const destination = this.ofKind<DestinationDocument>('Destination').find(({ id }) => id === document.to)
    if (!destination || !holdsState(destination)) return []
    const what = destination.kafka ? 'topic' : 'table'
    const findings: Finding[] = []
    if (document.fields === undefined)
      findings.push({
        path: [],
        message: `a sync to a ${destination.kafka ? 'Kafka topic' : 'Postgres table'} needs \`fields\`: what its readers may see`,
      })
    const other = this.ofKind<SyncDocument>('Sync').find(
      ({ id, to }) => to === document.to && id < document.id,
    )
    if (other) {
      const message = `\`${document.to}\` already holds what the sync \`${other.id}\` shows: one ${what}, one sync`
      findings.push({ path: ['to'], message })
    }
    if (destination.postgres)
      for (const field of Object.keys(document.fields ?? {})) {
        const problem = columnProblem(field)
        if (problem !== undefined) findings.push({ path: ['fields', field], atKey: true, message: problem })
      }
    return findings
  }

  private checkProfilePath(text: string, path: readonly PathStep[], roots: readonly string[]): Finding[] {
    const [root, name] = [text.split('.')[0]!, text.split('.')[1]]
    const wrong = this.known(roots, root, 'part of what is sent', path)
    if (wrong.length > 0 || name === undefined) return wrong
    if (root === 'identifiers') return this.known(this.identifierTypes(), name, 'type of identifier', path)
    if (root === 'audiences') return this.one('Audience', name, path)
    if (root === 'consent') return this.known(this.purposes(), name, 'purpose', path)
    if (root !== 'computed') return []
    const trait = this.ofKind<TraitDocument>('Trait').find((each) => each.id === name)
    if (trait?.prefer)
      return [{ path, message: `${name} is a trait people send, not a computed one: write traits.${name}` }]
    return this.one('Trait', name, path)
  }

  private one(kind: Kind, id: string, path: readonly PathStep[]): Finding[] {
    return this.known(
      this.ofKind(kind).map((document) => document.id),
      id,
      `${kind} document`,
      path,
    )
  }

  private known(
    names: readonly string[],
    name: string,
    what: string,
    path: readonly PathStep[],
    atKey = false,
  ): Finding[] {
    return names.includes(name)
      ? []
      : [
          {
            path,
            ...(atKey && { atKey }),
            message: `there is no ${what} \`${name}\`${didYouMean(name, names)}`,
          },
        ]
  }
}

function checkExpression(text: string, path: readonly PathStep[]): Finding[] {
  const compiled = compileFieldExpression(text)
  return 'problem' in compiled ? [{ path, message: `this expression cannot work: ${compiled.problem}` }] : []
}

/** Why a field cannot be a column; undefined when it can. */
function columnProblem(field: string): string | undefined {
  if (rowColumns.includes(field))
    return `the column \`${field}\` is written with every row: name the field otherwise`
  if (Buffer.byteLength(field) > MAX_COLUMN_BYTES)
    return `a name of a column has at most ${MAX_COLUMN_BYTES} bytes in PostgreSQL`
  return undefined
}

/** What stands in every row of a table. */
const rowColumns = ['profile_id', 'version', 'present', 'merged_into']
const MAX_COLUMN_BYTES = 63

/** Roots of the paths of a change. */
const profileRoots = ['traits', 'computed', 'audiences', 'identifiers', 'consent']

/** Roots of what a delivery can be made of. */
const itemRoots = [
  ...profileRoots,
  'profileId',
  'version',
  'time',
  'change',
  'audience',
  'events',
  'firstSeen',
  'lastSeen',
  'mergedInto',
]
