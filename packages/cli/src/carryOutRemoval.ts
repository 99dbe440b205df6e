import {
  type ClickHouse,
  type FoundRows,
  RemovalConflict,
  type RemoveOptions,
  openRemovals,
} from '@tributary/clickhouse-log'
import type { ConnectionFlags } from './connections.ts'
import { CommandError, type Context, type ExitCode } from './context.ts'
import { counted, table } from './output/table.ts'

export interface RemovalFlags extends ConnectionFlags {
  readonly json?: true
  readonly yes?: true
}

export interface RemovalWork {
  /** Lines that say what is looked for. */
  readonly said: readonly string[]
  readonly find: () => Promise<FoundRows[]>
  readonly remove: (options: RemoveOptions) => Promise<number>
  /** What is said when there is nothing to remove. */
  readonly nothing: string
}

/** Shows what a command would take out of the event log, and does so with --yes. */
export async function carryOutRemoval(
  context: Context,
  { json, yes }: RemovalFlags,
  clickhouse: ClickHouse,
  { said, find, remove, nothing }: RemovalWork,
): Promise<ExitCode> {
  const unfinished = await openRemovals(clickhouse)
  const found = await find()
  const rows = found.reduce((sum, each) => sum + each.rows, 0)
  const answer = (done: boolean, removed: number): void =>
    context.out(JSON.stringify({ done, rows, removed, unfinished, found: found.map(foundJson) }, null, 2))
  if (!json) {
    for (const line of said) context.out(line)
    if (unfinished > 0)
      context.out(`${counted(unfinished, 'lot')} of a run that did not end will be removed first`)
    context.out(found.length === 0 ? nothing : foundTable(found))
  }
  if (yes !== true) {
    if (json) answer(false, 0)
    else if (rows > 0 || unfinished > 0)
      context.out(`${counted(rows, 'row')} would be removed; add --yes to remove them`)
    return rows > 0 || unfinished > 0 ? 2 : 0
  }
  let gone = 0
  const removed = await remove({
    clickhouse,
    now: context.now,
    interrupted: context.interrupted,
    onLot: (lot) => context.err(`${lot.table}: ${(gone += lot.rows)} of ${rows} rows removed`),
  }).catch((error: unknown) => {
    throw error instanceof RemovalConflict ? new CommandError(error.message) : error
  })
  const interrupted = context.interrupted.aborted
  if (json) answer(!interrupted, removed)
  else
    context.out(
      `${counted(removed, 'row')} removed${interrupted ? '; interrupted, run it again for the rest' : ''}`,
    )
  return interrupted ? 2 : 0
}

function foundTable(found: readonly FoundRows[]): string {
  return table([
    ['TABLE', 'TOPIC', 'PARTITION', 'SOURCE', 'ROWS', 'OFFSETS', 'OLDEST', 'NEWEST'],
    ...found.map((each) => [
      each.table,
      each.topic,
      String(each.partition),
      each.source,
      String(each.rows),
      `${each.firstOffset}-${each.lastOffset}`,
      new Date(each.oldestMs).toISOString(),
      new Date(each.newestMs).toISOString(),
    ]),
  ])
}

function foundJson({ oldestMs, newestMs, ...rest }: FoundRows) {
  return { ...rest, oldest: new Date(oldestMs).toISOString(), newest: new Date(newestMs).toISOString() }
}
