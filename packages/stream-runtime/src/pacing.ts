/**
 * How often a task commits and how much it takes at once.
 *
 * A transaction costs the same for one record as for hundreds (a few ms of the broker and of this process), so the
 * more there is to do, the fewer should be made. What a commit takes at the moment says how busy everything is:
 * the gap between two commits is a multiple of it. A record that arrives at an idle task never waits.
 */
export interface BatchLimits {
  /** Records of one batch. The steps of a batch block the process: see computeMs. */
  readonly maxRecords: number
  /** Bytes taken from the inputs for one batch. */
  readonly maxInputBytes: number
  /** A batch that has sent so much ends, bytes: one transaction stays a few requests. */
  readonly maxOutputBytes: number
  /** A batch that has computed so long ends, ms: other tasks, heartbeats and gRPC answers wait meanwhile. */
  readonly computeMs: number
  /** Between the starts of two commits, ms. */
  readonly minCommitGapMs: number
  readonly maxCommitGapMs: number
}

export const DEFAULT_LIMITS: BatchLimits = {
  maxRecords: 2_000,
  maxInputBytes: 4 << 20,
  maxOutputBytes: 8 << 20,
  computeMs: 50,
  minCommitGapMs: 10,
  maxCommitGapMs: 100,
}

/** Weight of the newest measurement in the running mean. */
const WEIGHT = 0.2
/** Gap in commits: 2 means that a task spends at most half of its time committing. */
const GAP_FACTOR = 2

export class Pacing {
  readonly #limits: BatchLimits
  #commitMs = 0
  #lastStart = -Infinity

  constructor(limits: BatchLimits) {
    this.#limits = limits
  }

  get gapMs(): number {
    const { minCommitGapMs, maxCommitGapMs } = this.#limits
    return Math.min(maxCommitGapMs, Math.max(minCommitGapMs, this.#commitMs * GAP_FACTOR))
  }

  /** How long a batch should still wait for more. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#lastStart + this.gapMs - nowMs)
  }

  committed(startMs: number, endMs: number): void {
    this.#lastStart = startMs
    this.#commitMs += WEIGHT * (endMs - startMs - this.#commitMs)
  }
}
