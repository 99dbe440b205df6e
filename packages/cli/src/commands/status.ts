import type { Command } from 'commander'
import { heldRevision, kindNames, type LoggedRevision } from '@tributary/configuration'
import { loadRevisions } from '../configurationAccess.ts'
import type { ConnectionFlags } from '../connections.ts'
import type { Context, ExitCode } from '../context.ts'
import { JobReader, type JobStatus } from '../jobs.ts'
import { withJson, withKafka } from '../options.ts'
import { createPaint, type Paint } from '../output/paint.ts'
import { counted, table } from '../output/table.ts'
import { agoText, timeText } from '../output/time.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'

/** Jobs shown: the running ones and the last few, as people ask "is it through yet". */
const SHOWN_JOBS = 5

export function statusCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('status')
    .description('show the revision in force, and how far its adoption is')
    .action(async (flags: ConnectionFlags & { readonly json?: true }) => {
      const { held, jobs } = await withDoor(context, flags, open, async (door) => {
        const reader = new JobReader(door)
        const revisions = await loadRevisions(door)
        await reader.read()
        return { held: heldRevision(revisions, door.epoch), jobs: jobsOf(reader, revisions) }
      })
      context.out(
        flags.json
          ? JSON.stringify({ revision: held && summary(held), jobs }, null, 2)
          : statusText(context, held, jobs),
      )
      done(jobs.some((job) => job.state === 'failed' && job.job === held?.offset) ? 2 : 0)
    })
  withKafka(withJson(command))
}

type RevisionJob = JobStatus & { readonly revision: number | undefined }

function jobsOf(reader: JobReader, revisions: readonly LoggedRevision[]): RevisionJob[] {
  const numbers = new Map(revisions.map((each) => [each.offset, each.revision.revision]))
  const jobs = [...reader.all()].sort((a, b) => b.job - a.job || (a.work < b.work ? -1 : 1))
  return jobs
    .filter((job, i) => i < SHOWN_JOBS || job.state === 'running')
    .map((job) => ({ ...job, revision: numbers.get(job.job) }))
}

function summary({ offset, revision }: LoggedRevision) {
  const documents = Object.fromEntries(
    kindNames.map((kind) => [kind, revision.documents.filter((document) => document.kind === kind).length]),
  )
  return {
    number: revision.revision,
    offset,
    author: revision.author,
    message: revision.message,
    time: revision.createdAt?.toISOString(),
    documents,
  }
}

function statusText(
  context: Context,
  held: LoggedRevision | undefined,
  jobs: readonly RevisionJob[],
): string {
  const paint = createPaint(context.colour)
  if (!held) return 'no revision yet: apply a folder with `tributary apply DIR`'
  const { number, author, message, documents } = summary(held)
  const made = held.revision.createdAt?.getTime()
  const counts = Object.entries(documents)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => counted(count, kind.toLowerCase()))
  const rows = [
    ['revision', `${number}${message === '' ? '' : ` (${message})`}`],
    [
      'made',
      `${timeText(made)}${made === undefined ? '' : `, ${agoText(made, context.now())}`}, by ${author}`,
    ],
    ['documents', counts.join(', ')],
  ]
  const lines = [table(rows), '', paint.bold('jobs')]
  if (jobs.length === 0) lines.push('  none yet')
  else
    lines.push(
      table(
        jobs.map((job) => [
          job.revision === undefined ? `job ${job.job}` : `revision ${job.revision}`,
          coloured(job.state, paint),
          `${job.done}/${job.total}`,
          agoText(job.timeMs, context.now()),
          job.work === 'identity' ? `identity: ${job.message}` : job.message,
        ]),
        { indent: 2 },
      ),
    )
  return lines.join('\n')
}

function coloured(state: JobStatus['state'], paint: Paint): string {
  return { running: paint.yellow, done: paint.green, failed: paint.red }[state](state)
}
