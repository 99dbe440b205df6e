/** The clients of the suite, and what each is documented to do when it is refused. Cases as data. */
import { type ToolchainName } from './toolchains.ts'

export const STATUSES = ['200', '400', '401', '413', '429', '503', 'reset', 'lost'] as const
/** 200: nothing is refused. reset: the connection breaks before the collector has the request; lost: after it has stored it. */
export type Status = (typeof STATUSES)[number]

/** once: in the end every event is in the log, once. drop: one attempt, and the event is given up. */
export type Outcome = 'once' | 'drop'

export interface Client {
  readonly name: string
  readonly toolchain: ToolchainName
  /** File of clients/, without its ending. */
  readonly file: string
  /** Kinds of events it has, as numbers of EventType. */
  readonly types: readonly number[]
  readonly expected: Readonly<Partial<Record<Status, Outcome>>>
  /** Of 429 and 503: whether it waits as long as Retry-After says. */
  readonly obeysRetryAfter: readonly Status[]
  readonly environment?: Readonly<Record<string, string>>
}

const ALL = [1, 2, 3, 5, 6]
const retries = {
  '200': 'once',
  '400': 'drop',
  '401': 'drop',
  '413': 'drop',
  '429': 'once',
  '503': 'once',
  reset: 'once',
  lost: 'once',
} as const
/** Sends nothing twice; what the collector stored before the answer was lost is there all the same. */
const never = { ...retries, '429': 'drop', '503': 'drop', reset: 'drop' } as const

export const clients: readonly Client[] = [
  {
    name: '@segment/analytics-node 3',
    toolchain: 'npm',
    file: 'analyticsNode',
    types: ALL,
    expected: retries,
    obeysRetryAfter: ['429'],
  },
  {
    name: 'analytics-node 6 (old)',
    toolchain: 'npm',
    file: 'analyticsNodeOld',
    types: ALL,
    expected: retries,
    obeysRetryAfter: [],
  },
  {
    name: '@rudderstack/rudder-sdk-node',
    toolchain: 'npm',
    file: 'rudderNode',
    types: ALL,
    expected: retries,
    obeysRetryAfter: ['429', '503'],
  },
  {
    name: '@jitsu/js, server',
    toolchain: 'npm',
    file: 'jitsu',
    // It has no alias.
    types: [1, 2, 3, 5],
    expected: never,
    obeysRetryAfter: [],
  },
  {
    name: 'segment-analytics-python',
    toolchain: 'python',
    file: 'analyticsPython',
    types: ALL,
    expected: retries,
    obeysRetryAfter: [],
  },
  {
    name: 'segment-analytics-python, gzip',
    toolchain: 'python',
    file: 'analyticsPython',
    types: ALL,
    expected: retries,
    obeysRetryAfter: [],
    environment: { GZIP: '1' },
  },
  {
    name: 'rudder-sdk-python',
    toolchain: 'python',
    file: 'rudderPython',
    types: ALL,
    expected: retries,
    obeysRetryAfter: [],
  },
  {
    name: 'analytics-go 3',
    toolchain: 'go',
    file: 'analyticsGo',
    types: ALL,
    expected: retries,
    obeysRetryAfter: [],
  },
  {
    name: 'analytics-java 3.5',
    toolchain: 'java',
    file: 'AnalyticsJava',
    types: ALL,
    expected: retries,
    obeysRetryAfter: [],
  },
  {
    name: '@segment/analytics-next',
    toolchain: 'chromium',
    file: 'browser',
    types: ALL,
    expected: retries,
    obeysRetryAfter: ['429'],
    environment: { PAGE: 'segment' },
  },
  {
    name: '@segment/analytics-next, unload',
    toolchain: 'chromium',
    file: 'browser',
    types: ALL,
    expected: { '200': 'once' },
    obeysRetryAfter: [],
    environment: { PAGE: 'segmentBatch', LEAVE: '1' },
  },
  {
    name: '@rudderstack/analytics-js',
    toolchain: 'chromium',
    file: 'browser',
    types: ALL,
    expected: retries,
    obeysRetryAfter: [],
    environment: { PAGE: 'rudder' },
  },
  {
    name: '@rudderstack/analytics-js, beacon',
    toolchain: 'chromium',
    file: 'browser',
    types: ALL,
    expected: { '200': 'once' },
    obeysRetryAfter: [],
    environment: { PAGE: 'rudderBeacon', LEAVE: '1' },
  },
]
