import type { TaskStatus } from './taskGroup.ts'

/**
 * More records than one second of ordinary traffic leaves in the inputs: fewer are no backlog, and a number that
 * changes all the time says nothing.
 */
const BACKLOG_RECORDS = 1_000

export interface GroupProgress {
  /** The group has been joined and every owned task runs. A backlog is no reason to answer nothing. */
  readonly ready: boolean
  /** For people. */
  readonly detail: string
  /** Records that wait in the inputs, when that is a backlog. */
  readonly behind: number
}

/** Where the tasks of one process stand. */
export function describeTasks(
  topology: string,
  joined: boolean,
  tasks: readonly Pick<TaskStatus, 'state' | 'restored' | 'lag'>[],
): GroupProgress {
  if (!joined) return { ready: false, detail: 'joining the group', behind: 0 }
  const waiting = tasks.filter(({ state }) => state !== 'running')
  const lag = tasks.reduce((sum, task) => sum + (task.lag ?? 0), 0)
  const behind = lag > BACKLOG_RECORDS ? lag : 0
  if (waiting.length === 0) {
    const backlog = behind > 0 ? `, ${grouped(behind)} records behind` : ''
    return { ready: true, detail: `${tasks.length} tasks of ${topology} run${backlog}`, behind }
  }
  const detail = `${waiting.length} of ${tasks.length} tasks of ${topology} are not running yet`
  const restoring = waiting.flatMap(({ restored }) => restored ?? [])
  if (restoring.length === 0) return { ready: false, detail, behind }
  const records = restoring.reduce((sum, each) => sum + each.records, 0)
  const left = restoring.reduce((sum, each) => sum + each.left, 0)
  return {
    ready: false,
    detail: `${detail}: ${grouped(records)} records restored, ${grouped(left)} to go`,
    behind,
  }
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}
