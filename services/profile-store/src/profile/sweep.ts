import { type Control, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { topics } from '@tributary/contracts'
import { type StepContext } from '@tributary/stream-runtime'
import { type ControlPlace } from '../answered.ts'
import { profileRows, sweepRows } from './profileRows.ts'

/** Profiles judged anew in one batch: some 100 ms of work, so that events are not kept waiting. */
const PROFILES_PER_BATCH = 1_000

/** Every profile is to be judged anew. One under way begins again, and owes its answers besides. */
export function beginSweep(
  context: StepContext,
  cause?: { readonly control: Control; readonly record: ControlPlace },
): void {
  const sweeps = context.table(sweepRows)
  const answers = [...(sweeps.get('sweep')?.answers ?? [])]
  if (cause) {
    const { job, document, hash, step } = cause.control
    const { topic, partition, offset } = cause.record
    answers.push({ job, document, hash, step, topic: topic.name, partition, offset, skipped: 0, erased: [] })
  }
  sweeps.put('sweep', { after: '', answers })
}

/** Goes on with the sweep, if there is one. */
export function advanceSweep(context: StepContext, judge: (profileId: string) => void): void {
  const sweeps = context.table(sweepRows)
  const sweep = sweeps.get('sweep')
  if (!sweep) return
  // The character after every key that begins with the last one judged.
  const rows = [...context.table(profileRows).range(`${sweep.after}!`, '~', PROFILES_PER_BATCH)]
  for (const [profileId] of rows) judge(profileId)
  if (rows.length === PROFILES_PER_BATCH) {
    sweeps.put('sweep', { ...sweep, after: rows.at(-1)![0] })
    context.moreToDo()
    return
  }
  sweeps.delete('sweep')
  for (const answer of sweep.answers)
    context.send({
      topic: topics.jobs,
      partition: 0,
      key: String(answer.job),
      value: JobRecord.encode({ record: { $case: 'answered', value: answer } }).finish(),
    })
}
