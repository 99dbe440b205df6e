import { expect, test } from '@jest/globals'
import type { CommittedBatch, TaskStatus } from '@tributary/stream-runtime'
import { createMetrics } from './metrics.ts'
import { createTaskObserver } from './taskMetrics.ts'

const running: TaskStatus = {
  partition: 0,
  state: 'running',
  positions: {},
  lag: 12,
  openings: 1,
  configurationOffset: null,
}
const restoring: TaskStatus = {
  ...running,
  partition: 1,
  state: 'restoring',
  lag: undefined,
  restored: { records: 70, left: 30 },
  openings: 3,
}

function groupOf(statuses: readonly TaskStatus[]) {
  const listeners: ((batch: CommittedBatch) => void)[] = []
  return {
    statuses: [...statuses],
    tasks() {
      return this.statuses
    },
    onCommit(listener: (batch: CommittedBatch) => void) {
      listeners.push(listener)
      return () => {}
    },
    commit: (batch: CommittedBatch) => {
      for (const listener of listeners) listener(batch)
    },
  }
}

test('where each task stands, what waits for it and how its restore comes on can be read', async () => {
  const metrics = createMetrics('profile-store')
  createTaskObserver(metrics)('fragment', groupOf([running, restoring]))
  const lines = (await metrics.text()).split('\n')
  const of = (partition: number) =>
    lines.filter((line) => line.includes(`task="fragment",partition="${partition}"`))
  const name = (thing: string, partition: number) =>
    `tributary_profile_store_task_${thing}{task="fragment",partition="${partition}"}`
  expect(of(0)).toEqual([
    `${name('running_state', 0)} 1`,
    `${name('lag_records', 0)} 12`,
    `${name('restore_left_records', 0)} 0`,
    `${name('restored_records', 0)} 0`,
    `${name('openings_total', 0)} 1`,
  ])
  expect(of(1)).toEqual([
    `${name('running_state', 1)} 0`,
    `${name('restore_left_records', 1)} 30`,
    `${name('restored_records', 1)} 70`,
    `${name('openings_total', 1)} 3`,
  ])
})

test('K1: of a partition that went to another instance nothing is said any more', async () => {
  const metrics = createMetrics('x')
  const group = groupOf([running, restoring])
  createTaskObserver(metrics)('fragment', group)
  expect(await metrics.text()).toContain('partition="1"')
  group.statuses.pop()
  const text = await metrics.text()
  expect(text).not.toContain('partition="1"')
  expect(text).toContain('tributary_x_task_openings_total{task="fragment",partition="0"} 1')
})

test('batches of all groups are counted by task', async () => {
  const metrics = createMetrics('x')
  const observe = createTaskObserver(metrics)
  const fragments = groupOf([running])
  observe('fragment', fragments)
  observe('profile', groupOf([running]))
  fragments.commit({ partition: 0, records: 5, sent: 2, changed: 1, durationMs: 30 })
  fragments.commit({ partition: 0, records: 1, sent: 0, changed: 0, durationMs: 4 })
  const text = await metrics.text()
  expect(text).toContain('tributary_x_task_inputs_total{task="fragment"} 6')
  expect(text).toContain('tributary_x_task_outputs_total{task="fragment"} 2')
  expect(text).toContain('tributary_x_task_batch_seconds_bucket{le="0.005",task="fragment"} 1')
  expect(text).toContain('tributary_x_task_batch_seconds_count{task="fragment"} 2')
  expect(text).toContain('task_lag_records{task="profile",partition="0"} 12')
})
