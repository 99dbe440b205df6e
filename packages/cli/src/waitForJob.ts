import { setTimeout as sleep } from 'node:timers/promises'
import type { JobReader, JobStatus } from './jobs.ts'

/** How often the jobs topic is looked at, ms: people see movement, Kafka does not notice. */
const LOOK_EVERY_MS = 250

export interface WaitOptions {
  readonly job: number
  readonly work: string
  readonly timeoutMs: number
  readonly now: () => number
  readonly interrupted: AbortSignal
  /** `before`: what was told last. */
  readonly onProgress: (status: JobStatus, before: JobStatus | undefined) => void
}

/** The last state of a job: done, failed, or what it was when the time was over (undefined: never heard of). */
export async function waitForJob(
  reader: Pick<JobReader, 'read' | 'all' | 'get'>,
  options: WaitOptions,
): Promise<JobStatus | undefined> {
  const deadline = options.now() + options.timeoutMs
  let shown = ''
  let before: JobStatus | undefined
  for (;;) {
    await reader.read()
    const status = reader.get(options.job, options.work)
    if (status) {
      const text = JSON.stringify([status.state, status.done, status.total, status.message])
      if (text !== shown) {
        options.onProgress(status, before)
        before = status
      }
      shown = text
      if (status.state !== 'running') return status
    }
    // A newer revision that is through has taken ours with it.
    const later = reader
      .all()
      .find((each) => each.work === options.work && each.job > options.job && each.state === 'done')
    if (later && status?.state !== 'running') return later
    if (options.now() >= deadline || options.interrupted.aborted) return status
    await sleep(LOOK_EVERY_MS, undefined, { signal: options.interrupted }).catch(() => undefined)
  }
}
