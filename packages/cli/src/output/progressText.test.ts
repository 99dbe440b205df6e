import { expect, test } from '@jest/globals'
import type { JobStatus } from '../jobs.ts'
import { progressText } from './progressText.ts'

const status = (changes: Partial<JobStatus>): JobStatus => ({
  job: 4,
  work: 'identity',
  state: 'running',
  done: 0,
  total: 0,
  message: '',
  timeMs: 0,
  ...changes,
})

const [begun, going] = [status({}), status({ done: 20_000, total: 90_000, timeMs: 10_000 })]

test.each([
  [
    'running, 3 of 8 steps, fragments keep',
    status({ work: 'documents', done: 3, total: 8, message: 'fragments keep' }),
    undefined,
  ],
  ['identity: running, 0 identifiers', begun, undefined],
  ['identity: running, 20000 of about 90000 identifiers', going, undefined],
  ['identity: running, 20000 of about 90000 identifiers, 2000/s, 35 s left', going, begun],
  ['identity: running, 20000 of about 90000 identifiers', going, status({ timeMs: 10_000 })],
  ['identity: done, 90000 identifiers', status({ state: 'done', done: 90_000, total: 90_000 }), going],
])('%s', (text, now, before) => {
  expect(progressText(now, before)).toBe(text)
})
