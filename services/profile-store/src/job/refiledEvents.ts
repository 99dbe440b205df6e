/** Events of the log as they are filed again: under the first of their identifiers that is not blocked. */
import { type FiledEvent } from '@tributary/clickhouse-log'
import { partitionOf } from '@tributary/contracts'
import {
  EventRecord,
  type EventType,
  eventTypeFromJSON,
} from '@tributary/contracts/generated/tributary/event/v1/event'
import { type StateView } from '@tributary/stream-runtime'
import { type AnchorRow, anchorRows } from './filingRows.ts'

export interface RefiledRecord {
  readonly partition: number
  readonly value: Uint8Array
}

export interface RefiledLot {
  readonly records: readonly RefiledRecord[]
  /** Anchor → how many of its events are among them. */
  readonly events: Readonly<Record<string, number>>
}

/**
 * `wanted`: which of them belong to what is being filed. All is decided from one look at the state, so numbers and blocks
 * fit each other.
 */
export function refileLot(
  view: Pick<StateView, 'table'>,
  events: readonly FiledEvent[],
  partitions: number,
  wanted: (anchor: AnchorRow, event: FiledEvent) => boolean,
): RefiledLot {
  const anchors = view.table(anchorRows)
  const isBlocked = (id: string): boolean => anchors.get(id)?.filed === 'blocked'
  const records: RefiledRecord[] = []
  const counted: Record<string, number> = {}
  for (const event of events) {
    const anchor = anchors.get(event.anchor)
    if (!anchor || !wanted(anchor, event) || event.receivedTimeMs <= anchor.erasedUntilMs) continue
    const identifiers = event.identifiers.filter(({ id }) => !isBlocked(id))
    const [target] = identifiers
    // Nothing else is known of whom it is about: it stays in the log and makes no profile.
    if (!target) continue
    records.push({
      partition: partitionOf(target.id, partitions),
      value: refiledRecord(event, identifiers, anchor.number),
    })
    counted[event.anchor] = (counted[event.anchor] ?? 0) + 1
  }
  return { records, events: counted }
}

function refiledRecord(
  event: FiledEvent,
  identifiers: readonly { readonly type: string; readonly value: string; readonly id: string }[],
  number: number,
): Uint8Array {
  const record = EventRecord.fromPartial({
    record: {
      $case: 'refiled',
      value: {
        number,
        fromAnchor: event.anchor,
        fromOffset: event.offset,
        event: {
          messageId: event.messageId,
          sourceId: event.sourceId,
          type: typeOf(event.type),
          name: event.name,
          anchor: identifiers[0]!.id,
          identifiers: [...identifiers],
          timeMs: event.timeMs,
          ...(event.originalTimeMs !== undefined && { originalTimeMs: event.originalTimeMs }),
          receivedTimeMs: event.receivedTimeMs,
          raw: Buffer.from(event.payload),
        },
      },
    },
  })
  return EventRecord.encode(record).finish()
}

function typeOf(word: string): EventType {
  return eventTypeFromJSON(`EVENT_TYPE_${word.toUpperCase()}`)
}
