/**
 * What the files, a plan or an earlier revision would make of the revision in force.
 */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  formatProblem,
  fromRevisionDocument,
  mergeDocuments,
  planChanges,
  toRevisionDocument,
  validateDocuments,
  type Document,
  type LoggedRevision,
  type Plan,
} from '@tributary/configuration'
import type { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import type { AudiencePlan } from './askAudiencePlan.ts'
import type { IdentityPlan } from './askIdentityPlan.ts'
import { CommandError, type Context } from './context.ts'
import { counted } from './output/table.ts'
import { problemsOf, readDocuments, refuseProblems } from './readDocuments.ts'

export type RevisionDocuments = Revision['documents']

export interface Proposal {
  readonly documents: RevisionDocuments
  readonly plan: Plan
}

export const PLAN_FORMAT = 'tributary/plan/v1'

/** What `plan --out` writes and `apply` takes. */
export interface PlanFile {
  readonly format: typeof PLAN_FORMAT
  readonly parent: number
  readonly documents: RevisionDocuments
  readonly plan: Plan
  /** Who would have merged, split and been renamed when it was made. */
  readonly identity?: IdentityPlan
  /** Who would have entered and left audiences. */
  readonly audiences?: readonly AudiencePlan[]
}

export interface ProposalFlags {
  readonly prune?: true
  readonly set?: ReadonlyMap<string, string>
}

export function proposeFiles(
  context: Context,
  place: string,
  held: LoggedRevision | undefined,
  flags: ProposalFlags,
): Proposal {
  const before = held?.revision.documents ?? []
  const read = readDocuments(context, place, flags.set ?? new Map<string, string>())
  const files = read.parsed.documents.map((each) => each.document)
  const merge = mergeDocuments(before, files, { prune: flags.prune === true })
  if (merge.foreign.length > 0)
    throw new CommandError(
      'a console manages documents that the files hold too; remove them from the files:',
      merge.foreign,
    )
  const inFiles = new Set(files.map((document) => `${document.kind}/${document.id}`))
  const staying = merge.documents
    .filter((document) => !inFiles.has(`${document.kind}/${document.id}`))
    .map(fromRevisionDocument)
  refuseProblems(problemsOf(read, staying, place))
  return {
    documents: [...merge.documents],
    plan: planChanges(held?.revision.revision ?? 0, before, merge.documents, merge.unpruned),
  }
}

/** A plan that was kept is applied as it is, or not at all. */
export function proposePlanFile(context: Context, place: string, held: LoggedRevision | undefined): Proposal {
  const file = readPlanFile(resolve(context.cwd, place), place)
  const now = held?.revision.revision ?? 0
  if (file.parent !== now)
    throw new CommandError(
      `${place} was made on revision ${file.parent}, but revision ${now} is in force: make a new plan and look at it`,
    )
  return proposeDocuments(file.documents, held)
}

export function proposeDocuments(documents: RevisionDocuments, held: LoggedRevision | undefined): Proposal {
  const read = documents.map((entry) => {
    const document = fromRevisionDocument(entry)
    const again = toRevisionDocument(document, entry.managedBy === 'console' ? 'console' : 'files')
    if (again.json !== entry.json || again.hash !== entry.hash)
      throw new CommandError(
        `${entry.kind} ${entry.id} does not fit its hash: it was changed by hand; make a new plan`,
      )
    return document
  })
  refuse(read)
  return {
    documents,
    plan: planChanges(held?.revision.revision ?? 0, held?.revision.documents ?? [], documents),
  }
}

function refuse(documents: readonly Document[]): void {
  const problems = validateDocuments(documents)
  if (problems.length > 0)
    throw new CommandError(
      `${counted(problems.length, 'problem')} in the documents:`,
      problems.map(formatProblem),
    )
}

export function isPlanFile(context: Context, place: string): boolean {
  try {
    return place.endsWith('.json') && statSync(resolve(context.cwd, place)).isFile()
  } catch {
    return false
  }
}

function readPlanFile(path: string, place: string): PlanFile {
  let file: Partial<PlanFile>
  try {
    file = JSON.parse(readFileSync(path, 'utf8')) as Partial<PlanFile>
  } catch (error) {
    throw new CommandError(`${place} is no plan: ${(error as Error).message}`)
  }
  if (file.format !== PLAN_FORMAT || !Array.isArray(file.documents) || typeof file.parent !== 'number')
    throw new CommandError(
      `${place} is no plan of this version; make one with \`tributary plan DIR --out ${place}\``,
    )
  return file as PlanFile
}

/** Whatever is refused is refused before anything is written. */
export function refuseRefused(plan: Plan): void {
  const refused = plan.changes.filter((change) => change.class === 'refused')
  if (refused.length === 0) return
  throw new CommandError(
    `${counted(refused.length, 'change')} cannot be applied; nothing was written:`,
    refused.map((change) => `${change.document}: ${change.note ?? 'refused'}`),
  )
}
