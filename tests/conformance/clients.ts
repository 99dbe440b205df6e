/** The clients of the suite, and what each is documented to do when it is refused. Cases as data. */
import { type ToolchainName } from './toolchains.ts'

export const STATUSES = ['200', '400', '401', '413', '429', '503', 'reset', 'lost'] as const
/** 200: nothing is refused. reset: the connection breaks before the collector has the request; lost: after it has stored it. */
export type Status = (typeof STATUSES)[number]

/**
 * once: in the end every event is in the log, once. drop: one attempt, and the event is given up. gives up: so many attempts
 * as it makes, and then the event is given up.
 */
export type Outcome = 'once' | 'drop' | 'gives up'

export interface Client {
  readonly name: string
  readonly toolchain: ToolchainName
  /** File of clients/, without its ending. */
  readonly file: string
  /** Kinds of events it has, as numbers of EventType. */
  readonly types: readonly number[]
  readonly expected: Readonly<Partial<Record<Status, Outcome>>>
  /** Of 429 and 503: those after which it never comes back sooner than Retry-After says. */
  readonly waits: readonly Status[]
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
    waits: ['429'],
  },
  {
    name: 'analytics-node 6 (old)',
    toolchain: 'npm',
    file: 'analyticsNodeOld',
    types: ALL,
    expected: retries,
    waits: [],
  },
  {
    name: '@rudderstack/rudder-sdk-node',
    toolchain: 'npm',
    file: 'rudderNode',
    types: ALL,
    expected: retries,
    waits: ['429', '503'],
  },
  {
    name: '@jitsu/js, server',
    toolchain: 'npm',
    file: 'jitsu',
    // It has no alias.
    types: [1, 2, 3, 5],
    expected: never,
    waits: [],
  },
  {
    name: 'segment-analytics-python',
    toolchain: 'python',
    file: 'analyticsPython',
    types: ALL,
    expected: retries,
    waits: ['429', '503'],
  },
  {
    name: 'segment-analytics-python, gzip',
    toolchain: 'python',
    file: 'analyticsPython',
    types: ALL,
    expected: retries,
    waits: ['429', '503'],
    environment: { GZIP: '1' },
  },
  {
    name: 'rudder-sdk-python',
    toolchain: 'python',
    file: 'rudderPython',
    types: ALL,
    expected: retries,
    waits: [],
  },
  {
    name: 'analytics-go 3',
    toolchain: 'go',
    file: 'analyticsGo',
    types: ALL,
    // It tries everything ten times, also what cannot become right.
    expected: { ...retries, '400': 'gives up', '401': 'gives up', '413': 'gives up' },
    waits: [],
  },
  {
    name: 'analytics-java 3.5',
    toolchain: 'java',
    file: 'AnalyticsJava',
    types: ALL,
    expected: retries,
    // Its own first backoff is fifteen seconds.
    waits: ['429', '503'],
  },
  {
    name: '@segment/analytics-next',
    toolchain: 'chromium',
    file: 'browser',
    types: ALL,
    expected: retries,
    waits: ['429'],
    environment: { PAGE: 'segment' },
  },
  {
    name: '@segment/analytics-next, unload',
    toolchain: 'chromium',
    file: 'browser',
    types: ALL,
    expected: { '200': 'once' },
    waits: [],
    environment: { PAGE: 'segmentBatch', LEAVE: '1' },
  },
  {
    name: '@rudderstack/analytics-js',
    toolchain: 'chromium',
    file: 'browser',
    types: ALL,
    expected: retries,
    waits: [],
    environment: { PAGE: 'rudder' },
  },
  {
    name: '@rudderstack/analytics-js, beacon',
    toolchain: 'chromium',
    file: 'browser',
    types: ALL,
    expected: { '200': 'once' },
    waits: [],
    environment: { PAGE: 'rudderBeacon', LEAVE: '1' },
  },
  // Their bodies as documented: the SDKs themselves need a Ruby and a phone.
  {
    name: 'analytics-ruby',
    toolchain: 'npm',
    file: 'recorded',
    types: ALL,
    expected: { '200': 'once', lost: 'once' },
    waits: [],
  },
  {
    name: 'analytics-android 4',
    toolchain: 'npm',
    file: 'recorded',
    // Screens instead of pages.
    types: [1, 2, 4, 5, 6],
    expected: { '200': 'once', lost: 'once' },
    waits: [],
  },
]
