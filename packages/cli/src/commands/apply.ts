import type { Command } from 'commander'
import {
  fromRevisionDocument,
  heldRevision,
  nextRevision,
  planChanges,
  writeRevision,
  type LoggedRevision,
  type Plan,
  type SyncDocument,
} from '@tributary/configuration'
import { askAudiencePlan, sendsExisting } from '../askAudiencePlan.ts'
import { MAX_UNASKED, askFirstSends, firstSendsText, refuseFirstSends } from '../askFirstSends.ts'
import { configLog, loadRevisions } from '../configurationAccess.ts'
import type { ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { JobReader, type JobStatus } from '../jobs.ts'
import { epochOfNext, refuseBehind } from '../layoutEpochs.ts'
import type { KafkaDoor } from '../kafkaDoor.ts'
import { wholeNumber, withClickhouse, withJson, withKafka, withSubstitutions } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { planText } from '../output/planText.ts'
import { progressText } from '../output/progressText.ts'
import {
  isPlanFile,
  proposeDocuments,
  proposeFiles,
  proposePlanFile,
  refuseRefused,
  type Proposal,
  type ProposalFlags,
  type RevisionDocuments,
} from '../proposal.ts'
import { waitForJob } from '../waitForJob.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'

interface WriteFlags extends ConnectionFlags {
  readonly json?: true
  readonly wait?: true
  readonly sendExisting?: number
  readonly timeout: number
  readonly message?: string
  readonly author?: string
  /** A rollback: what is for a coming layout epoch may be taken back. */
  readonly takesBack?: true
}

type ApplyFlags = WriteFlags & ProposalFlags

function withWriting(command: Command): Command {
  return withClickhouse(
    withKafka(
      withJson(
        command
          .option('-m, --message <text>', 'why, for the history')
          .option('--author <name>', 'who, for the history; the user of this machine when not given')
          .option(
            '--send-existing <number>',
            `how many members may be sent because a sync begins or its audience is made or widened (${MAX_UNASKED} when not given)`,
            wholeNumber,
          )
          .option('--wait', 'wait until every service computes what the new revision says')
          .option('--timeout <seconds>', 'how long to wait', wholeNumber, 300),
      ),
    ),
  )
}

export function applyCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('apply')
    .description('make a folder, or a plan that was kept, the revision in force')
    .argument('<dir|plan.json>', 'folder or file with YAML documents, or what `plan --out` wrote')
    .option('--prune', 'delete what is in force, managed by files, and not in the folder')
    .action(async (place: string, flags: ApplyFlags) => {
      const code = await withDoor(context, flags, open, (door) =>
        write(context, door, flags, (held) =>
          isPlanFile(context, place)
            ? proposePlanFile(context, place, held)
            : proposeFiles(context, place, held, flags),
        ),
      )
      done(code)
    })
  withWriting(withSubstitutions(command))
}

export function rollbackCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('rollback')
    .description('write a new revision that holds what an earlier one held')
    .argument('<revision>', 'number of the earlier revision, see `tributary history`', wholeNumber)
    .action(async (revision: number, flags: WriteFlags) => {
      const message = flags.message ?? `back to revision ${revision}`
      const code = await withDoor(context, flags, open, async (door) => {
        const earlier = (await loadRevisions(door)).find(
          (each) => each.accepted && each.revision.revision === revision,
        )
        if (!earlier) throw new CommandError(`there is no revision ${revision}; see \`tributary history\``)
        return write(context, door, { ...flags, message, takesBack: true }, (held) =>
          proposeDocuments(earlier.revision.documents, held),
        )
      })
      done(code)
    })
  withWriting(command)
}

async function write(
  context: Context,
  door: KafkaDoor,
  flags: WriteFlags,
  propose: (held: LoggedRevision | undefined) => Proposal,
): Promise<ExitCode> {
  const paint = createPaint(context.colour)
  const revisions = await loadRevisions(door)
  const held = heldRevision(revisions, door.epoch)
  const last = heldRevision(revisions)
  if (!flags.takesBack) refuseBehind(revisions, held, door.epoch)
  const proposal = propose(held)
  const { plan, documents } = proposal
  refuseRefused(plan)
  const before = held?.revision.documents ?? []
  // Only where somebody could be sent: it asks the event log.
  const audiences = proposal.documents.some((each) => sendsExisting(syncIn(each)))
    ? await askAudiencePlan(context, proposal, before, { ...flags, samples: 1 })
    : []
  const firstSends = await askFirstSends(context, proposal, before, audiences)
  refuseFirstSends(firstSends, flags.sendExisting)
  const layoutEpoch = flags.takesBack && last !== held ? undefined : await epochOfNext(door, plan, last)
  if (plan.changes.length === 0 && last === held) {
    if (!flags.json) context.out(planText(plan, paint))
    const job =
      flags.wait && held
        ? await waitFor(context, door, held.offset, worksOf(planOf(revisions, held)), flags)
        : undefined
    if (flags.json)
      context.out(
        JSON.stringify({ applied: false, revision: plan.parent, plan, ...(job && { job }) }, null, 2),
      )
    return exitCodeOf(job)
  }
  const revision = nextRevision(last?.revision, documents, {
    ...(layoutEpoch !== undefined && { layoutEpoch }),
    author: flags.author ?? context.user,
    message: flags.message ?? '',
    createdAtMs: context.now(),
  })
  const outcome = await writeRevision(configLog(door), revision)
  if (!outcome.won) throw new CommandError(lostSentence(outcome.by, revision.parent))
  if (!flags.json) {
    context.out(planText(plan, paint))
    if (firstSends.length > 0) context.out(firstSendsText(firstSends))
    context.out(
      paint.green(
        layoutEpoch === undefined
          ? `applied as revision ${revision.revision}`
          : `applied as revision ${revision.revision}, for layout epoch ${layoutEpoch}: \`tributary rebuild\` carries it out`,
      ),
    )
  }
  const job = flags.wait ? await waitFor(context, door, outcome.offset, worksOf(plan), flags) : undefined
  if (flags.json)
    context.out(
      JSON.stringify(
        { applied: true, revision: revision.revision, offset: outcome.offset, plan, ...(job && { job }) },
        null,
        2,
      ),
    )
  return exitCodeOf(job)
}

function syncIn(entry: RevisionDocuments[number]): SyncDocument | undefined {
  const document = fromRevisionDocument(entry)
  return document.kind === 'Sync' ? document : undefined
}

function lostSentence(by: LoggedRevision | undefined, parent: number): string {
  if (!by)
    return 'the revision was written but cannot be read back; look at `tributary history` and apply again'
  const { revision, author, message } = by.revision
  return (
    `${author === '' ? 'somebody' : author} applied revision ${revision}${message === '' ? '' : ` (${message})`} first; ` +
    `nothing of yours holds. Look at it with \`tributary diff ${parent} ${revision}\` and apply again`
  )
}

/** What a revision that is in force changed. */
function planOf(revisions: readonly LoggedRevision[], held: LoggedRevision): Plan {
  const parent = revisions.find((each) => each.accepted && each.revision.revision === held.revision.parent)
  return planChanges(held.revision.parent, parent?.revision.documents ?? [], held.revision.documents)
}

interface Waited {
  readonly state: JobStatus['state'] | 'unknown'
  readonly message: string
}

/** What of a plan services do after it has been written. */
function worksOf(plan: Plan): readonly Work[] {
  return [
    ...(plan.adoptions.length > 0 ? (['documents'] as const) : []),
    ...(plan.changes.some((change) => change.class === 're-resolve') ? (['identity'] as const) : []),
  ]
}

type Work = 'documents' | 'identity'

/** Who does it, for people who wait in vain. */
const doers = {
  documents: 'is the profile-store running?',
  identity: 'are the profile-store and the identity-stitcher running?',
} as const satisfies Record<Work, string>

/** One work after the other; what the last one ended with. */
async function waitFor(
  context: Context,
  door: KafkaDoor,
  job: number,
  works: readonly Work[],
  flags: WriteFlags,
): Promise<Waited | undefined> {
  const reader = new JobReader(door)
  const deadline = context.now() + flags.timeout * 1000
  let ended: Waited | undefined
  for (const work of works) {
    // oxlint-disable-next-line no-await-in-loop -- one deadline for all
    const status = await waitForJob(reader, {
      job,
      work,
      timeoutMs: deadline - context.now(),
      now: context.now,
      interrupted: context.interrupted,
      onProgress: (now, before) => {
        if (!flags.json) context.err(`job ${job}: ${progressText(now, before)}`)
      },
    })
    ended = endOf(status, job, work, flags)
  }
  return ended
}

function endOf(status: JobStatus | undefined, job: number, work: Work, flags: WriteFlags): Waited {
  if (status?.state === 'done') return { state: 'done', message: status.message }
  if (status?.state === 'failed') throw new CommandError(`job ${job} failed: ${status.message}`)
  throw new CommandError(
    status
      ? `job ${job} is not done after ${flags.timeout} s (${progressText(status, undefined)}); it goes on: see \`tributary status\``
      : `no service has taken job ${job} up within ${flags.timeout} s: ${doers[work]} The revision is written and will be adopted when it is`,
  )
}

function exitCodeOf(job: Waited | undefined): ExitCode {
  return job === undefined || job.state === 'done' ? 0 : 1
}
