import type { JobStatus } from '../jobs.ts'

/** How far a work is: "running, 3 of 8 steps", "identity: running, 20000 of about 90000 identifiers, 2100/s, 34 s left". */
export function progressText(now: JobStatus, before: JobStatus | undefined): string {
  if (now.work !== 'identity') {
    const message = now.message === '' ? '' : `, ${now.message}`
    return `${now.state}, ${now.done} of ${now.total} steps${message}`
  }
  if (now.state === 'done') return `identity: done, ${now.done} identifiers`
  const of = now.total === 0 ? '' : ` of about ${now.total}`
  return `identity: ${now.state}, ${now.done}${of} identifiers${rateText(now, before)}`
}

/** By what was done since the last progress, and the times of the two records. */
function rateText(now: JobStatus, before: JobStatus | undefined): string {
  const seconds = before ? (now.timeMs - before.timeMs) / 1000 : 0
  if (!before || seconds <= 0 || now.done <= before.done) return ''
  const rate = (now.done - before.done) / seconds
  const left = now.total > now.done ? `, ${Math.ceil((now.total - now.done) / rate)} s left` : ''
  return `, ${Math.round(rate)}/s${left}`
}
