import { topics } from '@tributary/contracts'
import { type Control, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type InputRecord, type OutputRecord } from '@tributary/stream-runtime'

/** Where a control record stood. */
export type ControlPlace = Pick<InputRecord, 'topic' | 'partition' | 'offset'>

/** Tells the job task that a control record was followed; sent in the transaction that followed it. */
export function answered(
  control: Pick<Control, 'job' | 'document' | 'hash' | 'step'>,
  { topic, partition, offset }: ControlPlace,
  skipped = 0,
  erased: { anchor: string; untilMs: number }[] = [],
): OutputRecord {
  const { job, document, hash, step } = control
  return {
    topic: topics.jobs,
    partition: 0,
    key: String(job),
    value: JobRecord.encode({
      record: {
        $case: 'answered',
        value: { job, document, hash, step, topic: topic.name, partition, offset, skipped, erased },
      },
    }).finish(),
  }
}
