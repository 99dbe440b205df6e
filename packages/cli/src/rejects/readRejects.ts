import { topics, type RejectedRecord } from '@tributary/contracts'
import { CommandError } from '../context.ts'
import type { DoorRecord, KafkaDoor } from '../kafkaDoor.ts'

export interface Reject {
  /** partition:offset */
  readonly at: string
  readonly timeMs: number
  readonly record: RejectedRecord
}

/** All conditions that are given hold. */
export interface RejectFilter {
  readonly source?: string | undefined
  readonly code?: string | undefined
  readonly messageIds?: readonly string[] | undefined
  /** Received not before, and before, ms since 1970. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
}

export function matches({ record }: Reject, filter: RejectFilter): boolean {
  const receivedMs = Date.parse(record.receivedAt)
  return (
    (filter.source === undefined || record.source === filter.source) &&
    (filter.code === undefined || record.code === filter.code) &&
    (filter.messageIds === undefined ||
      (record.messageId !== undefined && filter.messageIds.includes(record.messageId))) &&
    (filter.sinceMs === undefined || receivedMs >= filter.sinceMs) &&
    (filter.untilMs === undefined || receivedMs < filter.untilMs)
  )
}

/** Those the topic still has, partition by partition, oldest first; of an input in several pieces the first. */
export async function* readRejects(door: KafkaDoor, filter: RejectFilter): AsyncGenerator<Reject> {
  const bounds = await door.bounds(topics.rejected)
  if (!bounds)
    throw new CommandError(
      `the topic ${door.topicName(topics.rejected)} does not exist; create the topics with \`tributary topics create\``,
    )
  for (const [partition, { start, end }] of bounds.entries())
    for await (const record of door.read(topics.rejected, partition, start, end))
      for (const reject of rejectOf(record))
        if ((reject.record.chunk ?? 0) === 0 && matches(reject, filter)) yield reject
}

/** "partition:offset", as `rejects list` prints it. */
export function parsePlace(
  text: string,
): { readonly partition: number; readonly offset: number } | undefined {
  const match = /^(\d+):(\d+)$/.exec(text)
  return match ? { partition: Number(match[1]), offset: Number(match[2]) } : undefined
}

export async function findReject(
  door: KafkaDoor,
  { partition, offset }: { readonly partition: number; readonly offset: number },
): Promise<Reject | undefined> {
  const bounds = (await door.bounds(topics.rejected))?.[partition]
  if (!bounds || offset < bounds.start || offset >= bounds.end) return undefined
  for await (const record of door.read(topics.rejected, partition, offset, offset + 1))
    return rejectOf(record)[0]
  return undefined
}

export function rejectOf(record: DoorRecord): Reject[] {
  if (!record.value) return []
  try {
    return [
      {
        at: `${record.partition}:${record.offset}`,
        timeMs: record.timestampMs,
        record: JSON.parse(record.value.toString('utf8')) as RejectedRecord,
      },
    ]
  } catch {
    // Whatever else was written to this public topic is not ours to show.
    return []
  }
}
