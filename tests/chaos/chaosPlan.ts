/**
 * What is done to a run and when, drawn from its seed before it begins. Pure.
 *
 * 1. The same seed, duration and counts give the same plan; `--seed` repeats a run as far as processes can repeat.
 * 2. One stall at a time and one outage at a time: kills fall into both.
 * 3. Everything is whole again before the end: nothing begins so late that it outlasts the run.
 */
import type { ServiceName } from '../../deploy/local/src/serviceProcess.ts'
import { createRandom, type Random } from '../demo/random.ts'

export type Disturbance = { atMs: number } & (
  | { kind: 'kill'; service: ServiceName; pick: number; deleteStore: boolean; downMs: number }
  | { kind: 'stall'; service: ServiceName; pick: number; forMs: number }
  | { kind: 'restart Kafka'; how: 'stop' | 'kill' }
  | { kind: 'kill ClickHouse'; forMs: number }
  | { kind: 'lose requests and replies'; rate: number; forMs: number }
  | { kind: 'add an instance'; service: ServiceName }
  | { kind: 'remove an instance'; service: ServiceName }
)

export interface PlanOptions {
  seed: number
  durationMs: number
  kills?: number
  stalls?: number
}

/** Services with more state are killed more often. */
const VICTIMS: readonly ServiceName[] = [
  'collector',
  'identity-stitcher',
  'identity-stitcher',
  'profile-store',
  'profile-store',
  'profile-store',
  'activation',
  'activation',
]
/** Members of a group that are silent for 10 s have lost their partitions: every stall outlasts that. */
const STALL_MS = [12_500, 17_000] as const
/** One kill in so many seconds, one stall in so many. */
const KILL_EVERY_S = 7
const STALL_EVERY_S = 40
const OUTAGE_EVERY_S = 240
const LOSSES_EVERY_S = 80
const CLICKHOUSE_MS = 60_000
const LOSSES_MS = 20_000
const LOSS_RATE = 0.02
/** Share of kills after which the local store is gone too. */
const STORE_DELETED = 0.25

export function makePlan({ seed, durationMs, kills, stalls }: PlanOptions): Disturbance[] {
  const r = createRandom(seed)
  const seconds = durationMs / 1000
  const plan: Disturbance[] = []
  const spread = (count: number, lastsMs: number, make: (atMs: number) => Disturbance): void => {
    for (const atMs of moments(r, count, durationMs, lastsMs)) plan.push(make(atMs))
  }
  const every = (s: number): number => Math.max(1, Math.round(seconds / s))
  const service = (): ServiceName => r.pick(VICTIMS)

  spread(kills ?? every(KILL_EVERY_S), 0, (atMs) => ({
    kind: 'kill',
    atMs,
    service: service(),
    pick: r.next(),
    deleteStore: r.chance(STORE_DELETED),
    downMs: r.between(200, 4_000),
  }))
  spread(stalls ?? every(STALL_EVERY_S), STALL_MS[1], (atMs) => ({
    kind: 'stall',
    atMs,
    service: service(),
    pick: r.next(),
    forMs: r.between(...STALL_MS),
  }))
  let restarts = 0
  spread(2 * every(OUTAGE_EVERY_S), 0, (atMs) => ({
    kind: 'restart Kafka',
    atMs,
    how: restarts++ % 2 === 0 ? 'kill' : 'stop',
  }))
  const clickHouseMs = Math.min(CLICKHOUSE_MS, durationMs / 4)
  spread(every(OUTAGE_EVERY_S), clickHouseMs, (atMs) => ({
    kind: 'kill ClickHouse',
    atMs,
    forMs: clickHouseMs,
  }))
  const lossesMs = Math.min(LOSSES_MS, durationMs / 4)
  spread(every(LOSSES_EVERY_S), lossesMs, (atMs) => ({
    kind: 'lose requests and replies',
    atMs,
    rate: LOSS_RATE,
    forMs: lossesMs,
  }))
  for (const scaled of ['profile-store', 'identity-stitcher'] as const) {
    plan.push(
      { kind: 'add an instance', atMs: durationMs * (0.15 + 0.2 * r.next()), service: scaled },
      { kind: 'remove an instance', atMs: durationMs * (0.6 + 0.2 * r.next()), service: scaled },
    )
  }
  return plan.sort((a, b) => a.atMs - b.atMs)
}

/** One moment in each of `count` equal parts of the run, so early that what begins then also ends. */
function moments(r: Random, count: number, durationMs: number, lastsMs: number): number[] {
  const part = durationMs / count
  const room = Math.max(0.1 * part, part - lastsMs)
  return Array.from({ length: count }, (_, n) => n * part + (0.05 + 0.9 * r.next()) * room)
}
