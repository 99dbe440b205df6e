import { topics } from '@tributary/contracts'
import { JobRecord, JobState } from '@tributary/contracts/generated/tributary/job/v1/control'
import type { KafkaDoor } from './kafkaDoor.ts'

export interface JobStatus {
  /** Offset in the config topic of the revision that caused it. */
  readonly job: number
  /** "documents": traits and audiences everywhere; "identity": everybody resolved under new rules. */
  readonly work: string
  readonly state: 'running' | 'done' | 'failed'
  readonly done: number
  readonly total: number
  readonly message: string
  readonly timeMs: number
}

const states = {
  [JobState.JOB_STATE_RUNNING]: 'running',
  [JobState.JOB_STATE_DONE]: 'done',
  [JobState.JOB_STATE_FAILED]: 'failed',
} as const

/** Follows the progress of jobs: each call of `read` takes what is new; the last progress of a work is its state. */
export class JobReader {
  readonly #jobs = new Map<string, JobStatus>()
  private next = 0
  private readonly door: KafkaDoor

  constructor(door: KafkaDoor) {
    this.door = door
  }

  async read(): Promise<void> {
    const bounds = (await this.door.bounds(topics.jobs))?.[0]
    if (!bounds) return
    const from = Math.max(this.next, bounds.start)
    if (from >= bounds.end) return
    for await (const record of this.door.read(topics.jobs, 0, from, bounds.end)) {
      this.next = record.offset + 1
      const status = record.value && jobStatus(record.value, record.timestampMs)
      if (status) this.#jobs.set(`${status.job}|${status.work}`, status)
    }
    this.next = Math.max(this.next, bounds.end)
  }

  all(): readonly JobStatus[] {
    return [...this.#jobs.values()]
  }

  get(job: number, work: string): JobStatus | undefined {
    return this.#jobs.get(`${job}|${work}`)
  }
}

function jobStatus(value: Buffer, timeMs: number): JobStatus | undefined {
  const { record } = JobRecord.decode(value)
  if (record?.$case !== 'progress') return undefined
  const { job, state, done, total, message, work } = record.value
  const known = states[state as keyof typeof states]
  return known === undefined
    ? undefined
    : { job, work: work === '' ? 'documents' : work, state: known, done, total, message, timeMs }
}
