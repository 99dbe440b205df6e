/**
 * What Prometheus is told of the tasks of a service: where they stand, what waits, how a restore comes on, what a batch
 * takes. All but the last is worked out when somebody asks: a task changes more often than that.
 *
 * K1. What a process no longer owns it says nothing about: the gauges begin anew at each question.
 */
import type { TaskGroup } from '@tributary/stream-runtime'
import type { Metrics } from './metrics.ts'

const PLACE = ['task', 'partition'] as const

/** From 1 ms to 10 s: a batch takes some milliseconds, and a transaction is given up after its time-out. */
const BATCH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

/** Tells of a group of tasks; `task` is the name of its topology, for example "fragment". */
export type TaskObserver = (task: string, group: Pick<TaskGroup, 'tasks' | 'onCommit'>) => void

/** Once per process: one question asks all its groups. */
export function createTaskObserver(metrics: Metrics): TaskObserver {
  const groups = new Map<string, Pick<TaskGroup, 'tasks'>>()
  const running = metrics.gauge(
    'task_running_state',
    '1 while a task that this instance owns runs, 0 while it is being opened, restored or closed',
    PLACE,
  )
  const lag = metrics.gauge('task_lag_records', 'Records that wait in the inputs of a task', PLACE)
  const left = metrics.gauge(
    'task_restore_left_records',
    'Records of the change logs that a restore has still to read; 0 when the task does not restore',
    PLACE,
  )
  const restored = metrics.gauge(
    'task_restored_records',
    'Records that the restore under way has read; 0 when the task does not restore',
    PLACE,
  )
  const openings = metrics.counter(
    'task_openings_total',
    'Times a task was opened; again while it stays here means that an error had ended it',
    PLACE,
  )
  const inputs = metrics.counter('task_inputs_total', 'Records taken by tasks and committed', ['task'])
  const outputs = metrics.counter('task_outputs_total', 'Records sent by tasks and committed', ['task'])
  const batches = metrics.histogram(
    'task_batch_seconds',
    'From the first step of a batch to the end of its commit',
    ['task'],
    BATCH_SECONDS,
  )
  // The first of them that is asked: they are asked in the order they were made in.
  Object.assign(running, {
    collect() {
      for (const each of [running, lag, left, restored, openings]) each.reset()
      for (const [task, group] of groups) {
        for (const { partition, ...status } of group.tasks()) {
          const place = { task, partition: String(partition) }
          running.set(place, status.state === 'running' ? 1 : 0)
          // Not known before the first fetch; 0 would say that nothing waits.
          if (status.lag !== undefined) lag.set(place, status.lag)
          left.set(place, status.restored?.left ?? 0)
          restored.set(place, status.restored?.records ?? 0)
          openings.inc(place, status.openings)
        }
      }
    },
  })
  return (task, group) => {
    groups.set(task, group)
    group.onCommit(({ records, sent, durationMs }) => {
      inputs.inc({ task }, records)
      outputs.inc({ task }, sent)
      batches.observe({ task }, durationMs / 1_000)
    })
  }
}
