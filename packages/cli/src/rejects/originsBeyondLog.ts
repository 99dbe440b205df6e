import type { RedriveLog } from '@tributary/clickhouse-log'
import { topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import type { KafkaDoor } from '../kafkaDoor.ts'

/** Of the events that the topic has and the log does not hold yet: what `nameOf` makes of their origins. */
export async function originsBeyondLog(
  door: KafkaDoor,
  log: Pick<RedriveLog, 'reached'>,
  nameOf: (origin: string) => string | undefined,
): Promise<ReadonlySet<string>> {
  const reached = await log.reached()
  const found = new Set<string>()
  for (const [partition, { start, end }] of ((await door.bounds(topics.events)) ?? []).entries())
    for await (const { value } of door.read(
      topics.events,
      partition,
      Math.max(start, reached.get(partition) ?? 0),
      end,
    )) {
      const inner = value && EventRecord.decode(value).record
      const name = inner?.$case === 'event' ? nameOf(inner.value.origin) : undefined
      if (name !== undefined) found.add(name)
    }
  return found
}
