import { topics } from '@tributary/contracts'
import { array, millis, string, uint32, word } from './columnType.ts'
import { defineLogTable, isUnreadable } from './logTable.ts'
import { cloudEventColumns, cloudEventOf, placeColumns, placeOf } from './place.ts'
import { numberOf, objectOf, objectsOf, readJson, textOf, timeOf } from './readValue.ts'

export const identityChangesTable = defineLogTable(
  'identity_changes',
  topics.identityChanges,
  {
    ...placeColumns,
    ...cloudEventColumns,
    change_id: string,
    kind: word,
    chunk: uint32,
    chunks: uint32,
    time: millis,
    move_types: array(word),
    move_ids: array(string),
    move_from: array(string),
    move_to: array(string),
    evidence_id: string,
    message_id: string,
    source: word,
    value: string,
  },
  (place, record) => {
    const change = readJson(record)
    if (isUnreadable(change)) return change
    const moves = objectsOf(change['moves'])
    const cause = objectOf(change['cause'])
    return {
      ...placeOf(place, record),
      ...cloudEventOf(record),
      change_id: textOf(change['changeId']),
      kind: textOf(change['kind']),
      chunk: numberOf(change['chunk']),
      chunks: numberOf(change['chunks']),
      time: timeOf(change['time'], record.timestampMs),
      move_types: moves.map((move) => textOf(move['type'])),
      move_ids: moves.map((move) => textOf(move['identifierId'])),
      move_from: moves.map((move) => textOf(move['from'])),
      move_to: moves.map((move) => textOf(move['to'])),
      evidence_id: textOf(cause['evidenceId']),
      message_id: textOf(cause['messageId']),
      source: textOf(cause['source']),
      value: record.value ?? '',
    }
  },
)
