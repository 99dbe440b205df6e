import type { Command } from 'commander'
import { planChanges, type LoggedRevision, type Plan } from '@tributary/configuration'
import { loadRevisions } from '../configurationAccess.ts'
import type { ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { wholeNumber, withJson, withKafka } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { planText } from '../output/planText.ts'
import { shortened, table } from '../output/table.ts'
import { timeText } from '../output/time.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly limit: number
}

export function historyCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('history')
    .description('list the revisions, newest first, with who made them and why')
    .option('--limit <number>', 'how many at most', wholeNumber, 20)
    .action(async (flags: Flags) => {
      const revisions = await withDoor(context, flags, open, loadRevisions)
      const shown = revisions.toReversed().slice(0, flags.limit)
      context.out(
        flags.json
          ? JSON.stringify(
              shown.map((each) => entry(each, revisions)),
              null,
              2,
            )
          : historyText(shown, revisions),
      )
      done(0)
    })
  withKafka(withJson(command))
}

function entry(each: LoggedRevision, all: readonly LoggedRevision[]) {
  const { revision, parent, author, message, createdAt } = each.revision
  return {
    revision,
    parent,
    offset: each.offset,
    accepted: each.accepted,
    author,
    message,
    time: createdAt?.toISOString(),
    changes: each.accepted ? planFrom(all, each).changes.length : 0,
  }
}

function historyText(shown: readonly LoggedRevision[], all: readonly LoggedRevision[]): string {
  if (shown.length === 0) return 'no revision yet: apply a folder with `tributary apply DIR`'
  const rows = shown.map((each) => {
    const { revision, author, message, createdAt } = each.revision
    const what = each.accepted ? String(planFrom(all, each).changes.length) : 'ignored: another came first'
    return [String(revision), timeText(createdAt?.getTime()), author, what, shortened(message, 80)]
  })
  return table([['REVISION', 'TIME', 'AUTHOR', 'CHANGES', 'MESSAGE'], ...rows])
}

/** What a revision changed on its parent. */
function planFrom(all: readonly LoggedRevision[], each: LoggedRevision): Plan {
  const parent = all.find((one) => one.accepted && one.revision.revision === each.revision.parent)
  return planChanges(each.revision.parent, parent?.revision.documents ?? [], each.revision.documents)
}

export function diffCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('diff')
    .description(
      'show what changed between two revisions; the newest on the one before it when none is named',
    )
    .argument('[from]', 'number of a revision; 0 is before the first', wholeNumber)
    .argument('[to]', 'number of a revision; the one in force when not given', wholeNumber)
    .action(
      async (from: number | undefined, to: number | undefined, flags: ConnectionFlags & { json?: true }) => {
        const revisions = await withDoor(context, flags, open, loadRevisions)
        const newest = revisions.findLast((each) => each.accepted)?.revision.revision ?? 0
        const end = to ?? newest
        const plan = diff(revisions, from ?? Math.max(0, end - 1), end)
        const paint = createPaint(context.colour)
        context.out(
          flags.json
            ? JSON.stringify(plan, null, 2)
            : plan.changes.length === 0
              ? 'no difference'
              : planText(plan, paint),
        )
        done(plan.changes.length > 0 ? 2 : 0)
      },
    )
  withKafka(withJson(command))
}

function diff(revisions: readonly LoggedRevision[], from: number, to: number): Plan {
  const documentsOf = (number: number) => {
    if (number === 0) return []
    const found = revisions.find((each) => each.accepted && each.revision.revision === number)
    if (!found) throw new CommandError(`there is no revision ${number}; see \`tributary history\``)
    return found.revision.documents
  }
  return planChanges(from, documentsOf(from), documentsOf(to))
}
