import type { Command } from 'commander'
import { topics } from '@tributary/contracts'
import type { ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { wholeNumber, withJson, withKafka } from '../options.ts'
import { counted, shortened, table } from '../output/table.ts'
import { findReject, matches, parsePlace, rejectOf } from '../rejects/readRejects.ts'
import { TopicTail } from '../topicTail.ts'
import { redriveCommand } from './redrive.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'

interface ListFlags extends ConnectionFlags {
  readonly json?: true
  readonly source?: string
  readonly code?: string
  readonly limit: number
}

export function rejectsCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const rejects = program.command('rejects').description('input that was refused, whole, with the reason')
  const list = rejects
    .command('list')
    .description('the newest ones')
    .option('--source <id>', 'only of this source')
    .option('--code <code>', 'only with this code')
    .option('--limit <number>', 'how many at most', wholeNumber, 20)
    .action(async (flags: ListFlags) => done(await listRejects(context, flags, open)))
  withKafka(withJson(list))
  const show = rejects
    .command('show')
    .description('one of them, with the whole input')
    .argument('<position>', 'partition:offset, as `rejects list` prints it')
    .action(async (position: string, flags: ConnectionFlags & { readonly json?: true }) =>
      done(await showReject(context, position, flags, open)),
    )
  withKafka(withJson(show))
  redriveCommand(rejects, context, done, open)
}

/** Records of each partition that are looked through for the newest: a filter may drop most of them. */
const LOOKED_THROUGH = 1000

async function listRejects(context: Context, flags: ListFlags, open: OpenDoor): Promise<ExitCode> {
  const all = await withDoor(context, flags, open, async (door) =>
    (await TopicTail.open(door, topics.rejected, Math.max(flags.limit, LOOKED_THROUGH))).read(),
  )
  const found = all
    .flatMap(rejectOf)
    .filter((reject) => matches(reject, { source: flags.source, code: flags.code }))
  const shown = found.toReversed().slice(0, flags.limit)
  if (flags.json)
    context.out(
      JSON.stringify(
        shown.map(({ at, record }) => ({ at, ...record })),
        null,
        2,
      ),
    )
  else if (shown.length === 0) context.out('nothing was refused')
  else {
    const rows = shown.map(({ at, record }) => [
      at,
      record.receivedAt,
      record.source,
      record.code,
      shortened(record.message, 100),
    ])
    context.out(table([['AT', 'RECEIVED', 'SOURCE', 'CODE', 'WHY'], ...rows]))
    if (found.length > shown.length)
      context.err(`${counted(found.length - shown.length, 'more', 'more')}: see --limit`)
  }
  return 0
}

async function showReject(
  context: Context,
  text: string,
  flags: ConnectionFlags & { json?: true },
  open: OpenDoor,
): Promise<ExitCode> {
  const place = parsePlace(text)
  if (!place)
    throw new CommandError(`"${text}" is no position: write partition:offset, as \`rejects list\` prints it`)
  const reject = await withDoor(context, flags, open, (door) => findReject(door, place))
  if (!reject)
    throw new CommandError(`nothing that was refused lies at ${text}; it may be older than the topic keeps`)
  const { record } = reject
  const input = Buffer.from(record.input, 'base64')
  if (flags.json) {
    context.out(JSON.stringify({ at: reject.at, ...record }, null, 2))
    return 0
  }
  context.out(
    table([
      ['at', reject.at],
      ['source', record.source],
      ['received', record.receivedAt],
      ['code', record.code],
      ['why', record.message],
      ['origin', record.origin],
      ...(record.messageId === undefined ? [] : [['message', record.messageId]]),
    ]),
  )
  context.out(`\n${input.toString('utf8')}`)
  return 0
}
