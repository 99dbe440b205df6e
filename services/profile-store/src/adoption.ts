/**
 * Which Trait and Audience documents a task has adopted, in its own state, with their definitions: a restart needs no
 * history of the configuration.
 *
 *  D1. A control record may arrive twice: the first changes the state, each is answered.
 *  D2. A lower job never undoes a higher one, document by document.
 *  D3. An aggregate belongs to the job that first adopted it while anything adopted needs it; when nothing does it is
 *      forgotten, and a later adoption begins anew. A job takes in all that is new before it retires what is old, in
 *      both kinds of task, so both give an aggregate the same job.
 */
import { createHash } from 'node:crypto'
import {
  type AggregateDefinition,
  type CompiledAudience,
  type OwnedAggregate,
  compileAudience,
} from '@tributary/domain'
import { type AudienceDocument, type TraitDocument, traitAggregate } from '@tributary/configuration'
import { type Control } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type ReadTable, type StateView, type StepContext, type TableSpec } from '@tributary/stream-runtime'
import { type TopicSpec } from '@tributary/contracts'
import { jsonCodec } from './codecs.ts'

/** What a task or a question reads of the state. */
export type ReadableState = Pick<StateView, 'table'>

export interface AdoptedDocument {
  readonly document: string
  readonly hash: string
  readonly job: number
  /** Number of the revision that brought it in this form; absent: of a job that did not say. */
  readonly revision?: number
  readonly definition: TraitDocument | AudienceDocument
}

export interface AdoptionTables {
  /** "trait/x@<hash>" */
  readonly adopted: TableSpec<AdoptedDocument>
  /** "trait/x" → the highest job that said anything of it. */
  readonly highestJob: TableSpec<number>
  /** "trait/x@<hash>" or "leaf/<hash>@<hash>" → the job the aggregate belongs to. */
  readonly aggregates: TableSpec<number>
}

export function adoptionTables(changeLog: TopicSpec): AdoptionTables {
  return {
    adopted: { name: 'adopted', changeLog, codec: jsonCodec<AdoptedDocument>() },
    highestJob: { name: 'highest-job', changeLog, codec: jsonCodec<number>() },
    aggregates: { name: 'aggregate-job', changeLog, codec: jsonCodec<number>() },
  }
}

export const hashText = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

export function compiledAudience({ where }: AudienceDocument): CompiledAudience {
  return compileAudience(where, hashText)
}

export function aggregatesOf({
  definition,
  hash,
}: Pick<AdoptedDocument, 'definition' | 'hash'>): readonly AggregateDefinition[] {
  if (definition.kind === 'Audience') return compiledAudience(definition).aggregates
  const aggregate = traitAggregate(definition, hash)
  return aggregate ? [aggregate] : []
}

const rowOf = ({ document, hash }: { document: string; hash: string }) => `${document}@${hash}`

export function allRows<V>(table: ReadTable<V>): V[] {
  return [...table.range('', '\u{10FFFF}')].map(([, value]) => value)
}

/** Takes a document in; false when that was done before or a higher job has spoken (D1, D2). */
export function adopt(context: StepContext, tables: AdoptionTables, control: Control): boolean {
  const { document, hash, job, revision } = control
  if (!speaks(context, tables, control)) return false
  const adopted = context.table(tables.adopted)
  if (adopted.get(rowOf(control))) return false
  const row = {
    document,
    hash,
    job,
    ...(revision !== undefined && { revision }),
    definition: JSON.parse(control.definition) as AdoptedDocument['definition'],
  }
  adopted.put(rowOf(row), row)
  ownAggregates(context, tables, job)
  return true
}

/** Forgets a document; false when there was nothing to forget. */
export function retire(context: StepContext, tables: AdoptionTables, control: Control): boolean {
  if (!speaks(context, tables, control)) return false
  const adopted = context.table(tables.adopted)
  if (!adopted.get(rowOf(control))) return false
  adopted.delete(rowOf(control))
  ownAggregates(context, tables, control.job)
  return true
}

/** The highest job that has said anything; -1 before the first. */
export function highestJob(context: StepContext, tables: AdoptionTables): number {
  return Math.max(-1, ...allRows(context.table(tables.highestJob)))
}

/** D2. */
function speaks(context: StepContext, tables: AdoptionTables, { document, job }: Control): boolean {
  const highest = context.table(tables.highestJob)
  const known = highest.get(document)
  if (known !== undefined && known > job) return false
  if (known !== job) highest.put(document, job)
  return true
}

/** D3. */
function ownAggregates(context: StepContext, tables: AdoptionTables, job: number): void {
  const jobs = context.table(tables.aggregates)
  const needed = new Set(allRows(context.table(tables.adopted)).flatMap(aggregatesOf).map(rowOf))
  const owned = [...jobs.range('', '\u{10FFFF}')].map(([key]) => key)
  for (const key of owned) if (!needed.has(key)) jobs.delete(key)
  for (const key of needed) if (jobs.get(key) === undefined) jobs.put(key, job)
}

/** Every aggregate that something adopted needs, no two with the same document and hash. */
export function ownedAggregates(state: ReadableState, tables: AdoptionTables): OwnedAggregate[] {
  const jobs = state.table(tables.aggregates)
  const owned = new Map<string, OwnedAggregate>()
  for (const definition of allRows(state.table(tables.adopted)).flatMap(aggregatesOf))
    owned.set(rowOf(definition), { definition, job: jobs.get(rowOf(definition)) ?? 0 })
  return [...owned.values()]
}
