import { topics } from '@tributary/contracts'
import { JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import type { BlockSaid } from '@tributary/domain'
import type { StepContext } from '@tributary/stream-runtime'

/** Tells the job task that a fact has blocked an identifier, or opened it again: its events are to be filed elsewhere. */
export function announceBlock(context: StepContext, { identifierId, type, blocked }: BlockSaid): void {
  context.send({
    topic: topics.jobs,
    partition: 0,
    key: identifierId,
    value: JobRecord.encode({
      record: { $case: 'anchorSaid', value: { anchor: identifierId, type, blocked } },
    }).finish(),
  })
}
