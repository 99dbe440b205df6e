import { expect, test } from '@jest/globals'
import { describeTasks } from './describeTasks.ts'

const running = { state: 'running', lag: 0 } as const

test.each<[Parameters<typeof describeTasks>[2], boolean, string]>([
  [[], true, '0 tasks of count run'],
  [[running, running], true, '2 tasks of count run'],
  [[running, { state: 'running', lag: 999 }], true, '2 tasks of count run'],
  [
    [
      { state: 'running', lag: 12_000 },
      { state: 'running', lag: 345 },
    ],
    true,
    '2 tasks of count run, 12,345 records behind',
  ],
  [[running, { state: 'created', lag: undefined }], false, '1 of 2 tasks of count are not running yet'],
  [
    [
      running,
      { state: 'restoring', lag: undefined, restored: { records: 1_200, left: 3_000 } },
      { state: 'restoring', lag: undefined, restored: { records: 34, left: 400 } },
    ],
    false,
    '2 of 3 tasks of count are not running yet: 1,234 records restored, 3,400 to go',
  ],
])('%j is told as it is', (tasks, ready, detail) => {
  expect(describeTasks('count', true, tasks)).toMatchObject({ ready, detail })
})

test('before the group has answered nobody knows what is owned', () => {
  expect(describeTasks('count', false, [])).toMatchObject({ ready: false, detail: 'joining the group' })
})
