import { describe, expect, test } from '@jest/globals'
import { type Client, type Outcome, type Status } from './clients.ts'
import { type Delivered, judge } from './judge.ts'
import { type Attempt } from './scriptedFront.ts'

const client = (expected: Outcome, status: Status): Client => ({
  name: 'a client',
  toolchain: 'npm',
  file: 'client',
  types: [1],
  expected: { [status]: expected },
  waits: ['429'],
})
const attempt = (atMs: number, status: Attempt['status'], retryAfterS?: number): Attempt => ({
  atMs,
  status,
  retryAfterS,
  messageIds: ['m1'],
})
const track = (more: Partial<Delivered> = {}): Delivered => ({
  type: 1,
  messageId: 'm1',
  name: 'Order Completed',
  identifiers: [{ type: 'user_id', value: 'u1' }],
  anchor: 'a',
  ...more,
})

describe('what a run shows', () => {
  test.each<[string, Outcome, Status, Attempt[], Delivered[], string, string[]]>([
    ['delivered at once', 'once', '200', [attempt(0, 200)], [track()], 'once', []],
    [
      'the same record twice counts once',
      'once',
      'lost',
      [attempt(0, 'lost'), attempt(9, 200)],
      [track(), track()],
      'once, 2 attempts',
      [],
    ],
    [
      'twice under two message ids does not',
      'once',
      '200',
      [attempt(0, 200)],
      [track(), track({ messageId: 'm2' })],
      'once',
      ['track was delivered 2 times', '2 events were delivered'],
    ],
    [
      'one message id for two events',
      'once',
      '200',
      [attempt(0, 200)],
      [track(), track({ anchor: 'b', type: 2 })],
      'once',
      [
        '2 events were delivered',
        'one message id stands for two events',
        'the identify event has lost its email',
      ],
    ],
    ['given up at once', 'drop', '400', [attempt(0, 400)], [], 'drop', []],
    [
      'not given up',
      'drop',
      '400',
      [attempt(0, 400), attempt(5, 400)],
      [],
      'gives up after 2',
      ['expected one attempt of each event, saw 2'],
    ],
    [
      'waited',
      'once',
      '429',
      [attempt(0, 429, 4), attempt(4000, 200)],
      [track()],
      'once after 4.0 s of 4',
      [],
    ],
    [
      'came back too soon',
      'once',
      '429',
      [attempt(0, 429, 4), attempt(1000, 200)],
      [track()],
      'once after 1.0 s of 4 (sooner)',
      ['it came back after 1000 ms, sooner than Retry-After says'],
    ],
    [
      'lost its user',
      'once',
      '200',
      [attempt(0, 200)],
      [track({ identifiers: [] })],
      'once',
      ['the track event has lost its user'],
    ],
  ])('%s', (_name, expected, status, attempts, events, cell, problems) => {
    const run = { attempts, events, rejected: 0 }
    expect(judge(client(expected, status), status, run)).toEqual({ cell, problems })
  })
})
