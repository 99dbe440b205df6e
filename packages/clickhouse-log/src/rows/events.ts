import { topics } from '@tributary/contracts'
import {
  type Event,
  EventRecord,
  EventType,
  TimeFlag,
} from '@tributary/contracts/generated/tributary/event/v1/event'
import { Control } from '@tributary/contracts/generated/tributary/job/v1/control'
import { array, bool, clampMs, millis, nullable, string, uint32, uint64, word } from './columnType.ts'
import { enumWords } from './enumWord.ts'
import { type RowOf, defineLogTable, isUnreadable } from './logTable.ts'
import { placeColumns, placeOf } from './place.ts'
import { readProtobuf } from './readValue.ts'

const typeWord = enumWords(EventType, 'EVENT_TYPE_')
const flagWord = enumWords(TimeFlag, 'TIME_FLAG_')

const eventColumns = {
  epoch: uint32,
  source: word,
  type: word,
  name: word,
  message_id: string,
  message_id_generated: bool,
  anchor: string,
  identifier_types: array(word),
  identifier_ids: array(string),
  identifier_values: array(string),
  previous_type: word,
  previous_id: string,
  previous_value: string,
  time: millis,
  original_time: nullable(millis),
  sent_time: nullable(millis),
  received: millis,
  time_flags: array(word),
  raw: string,
  payload: string,
  origin: string,
  trusted: bool,
  identity_rules: word,
  erases: bool,
}

const copyColumns = { copy_topic: word, copy_partition: uint32, copy_offset: uint64 }
const NO_COPY: RowOf<typeof copyColumns> = { copy_topic: '', copy_partition: 0, copy_offset: 0 }

export const eventsTable = defineLogTable(
  'events',
  topics.events,
  { ...placeColumns, record: word, ...eventColumns, control: string, ...copyColumns },
  (place, record) => {
    const decoded = readProtobuf(record, EventRecord)
    if (isUnreadable(decoded)) return decoded
    switch (decoded.record?.$case) {
      case 'event':
        return { ...placeOf(place, record), ...columnsOf(decoded.record.value), control: '' }
      case 'control': {
        const control = JSON.stringify(Control.toJSON(decoded.record.value))
        // A control record has no time of its own: the record's own stands in for the columns that cannot be empty.
        const at = { time: record.timestampMs, received: record.timestampMs }
        return { ...placeOf(place, record), record: 'control', ...NO_EVENT, ...at, control, ...NO_COPY }
      }
      case 'fill': {
        // What it holds was computed from rows of this very table: only its place is kept, and nothing of a person.
        const { job, anchor } = decoded.record.value
        const at = { time: record.timestampMs, received: record.timestampMs }
        const control = JSON.stringify({ job, fill: anchor })
        return { ...placeOf(place, record), record: 'control', ...NO_EVENT, ...at, control, ...NO_COPY }
      }
      case 'refiled': {
        // A row of this very table, filed again: the event stays each input once.
        const { number, fromAnchor, fromOffset } = decoded.record.value
        const at = { time: record.timestampMs, received: record.timestampMs }
        const control = JSON.stringify({ filing: number, from: fromAnchor, offset: fromOffset })
        return { ...placeOf(place, record), record: 'control', ...NO_EVENT, ...at, control, ...NO_COPY }
      }
      case undefined:
        return { unreadable: 'neither an event nor a control record: written by a newer version?' }
    }
  },
)

function columnsOf(event: Event) {
  const { identifiers, previous, copyOf } = event
  return {
    record: copyOf ? 'copy' : 'event',
    copy_topic: copyOf?.topic ?? '',
    copy_partition: copyOf?.partition ?? 0,
    copy_offset: copyOf?.offset ?? 0,
    epoch: event.epoch,
    source: event.sourceId,
    type: typeWord(event.type),
    name: event.name,
    message_id: event.messageId,
    message_id_generated: event.messageIdGenerated,
    anchor: event.anchor,
    identifier_types: identifiers.map((identifier) => identifier.type),
    identifier_ids: identifiers.map((identifier) => identifier.id),
    identifier_values: identifiers.map((identifier) => identifier.value),
    previous_type: previous?.type ?? '',
    previous_id: previous?.id ?? '',
    previous_value: previous?.value ?? '',
    time: event.timeMs,
    original_time: event.originalTimeMs,
    sent_time: event.sentTimeMs,
    received: event.receivedTimeMs,
    time_flags: event.timeFlags.map(flagWord).concat(isClamped(event) ? ['clamped'] : []),
    raw: event.raw,
    payload: event.payload ?? '',
    origin: event.origin,
    trusted: event.trusted,
    identity_rules: event.identityRules,
    erases: event.erases === true,
  }
}

/** Whether a time of the event lies outside what the table can hold: then `raw` alone has it exactly. */
function isClamped(event: Event): boolean {
  const times = [event.timeMs, event.originalTimeMs, event.sentTimeMs, event.receivedTimeMs]
  return times.some((time) => time !== undefined && clampMs(time) !== time)
}

const NO_EVENT: RowOf<typeof eventColumns> = {
  epoch: 0,
  source: '',
  type: '',
  name: '',
  message_id: '',
  message_id_generated: false,
  anchor: '',
  identifier_types: [],
  identifier_ids: [],
  identifier_values: [],
  previous_type: '',
  previous_id: '',
  previous_value: '',
  time: 0,
  original_time: undefined,
  sent_time: undefined,
  received: 0,
  time_flags: [],
  raw: '',
  payload: '',
  origin: '',
  trusted: false,
  identity_rules: '',
  erases: false,
}
