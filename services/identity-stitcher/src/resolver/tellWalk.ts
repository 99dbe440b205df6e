import { topics } from '@tributary/contracts'
import { JobRecord, JobState } from '@tributary/contracts/generated/tributary/job/v1/control'
import type { StepContext } from '@tributary/stream-runtime'
import { estimatedTotal } from './idShare.ts'

/** How far a change of the rules has been carried out. */
export interface WalkProgress {
  /** Offset in the config topic of the revision that changed them. */
  readonly job: number
  readonly lookedAt: number
  /** Where it goes on; undefined when everybody has been looked at. */
  readonly from: string | undefined
}

/** Every 10,000 identifiers, at most five seconds: a hundred records of a million people, kept for ever. */
const TOLD_EVERY = 10_000

export function isWorthTelling(before: number, now: number): boolean {
  return Math.floor(before / TOLD_EVERY) !== Math.floor(now / TOLD_EVERY)
}

/** About how many identifiers there are; 0 while nothing can be said. */
export function walkTotal({ lookedAt, from }: WalkProgress): number {
  return from === undefined ? lookedAt : estimatedTotal(lookedAt, from)
}

export function tellWalk(context: StepContext, progress: WalkProgress): void {
  const isDone = progress.from === undefined
  const value = JobRecord.encode({
    record: {
      $case: 'progress',
      value: {
        job: progress.job,
        work: 'identity',
        state: isDone ? JobState.JOB_STATE_DONE : JobState.JOB_STATE_RUNNING,
        done: progress.lookedAt,
        total: walkTotal(progress),
        message: isDone ? 'everybody is resolved under the new rules' : 'resolved under the new rules',
      },
    },
    stamp: undefined,
  }).finish()
  context.send({ topic: topics.jobs, partition: 0, key: String(progress.job), value })
}
