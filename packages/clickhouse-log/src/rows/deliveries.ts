import { topics } from '@tributary/contracts'
import {
  DeliveryOutcome,
  DeliveryRecord,
  OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { millis, string, uint32, word } from './columnType.ts'
import { enumWords } from './enumWord.ts'
import { defineLogTable, isUnreadable } from './logTable.ts'
import { placeColumns, placeOf, stampColumns, stampOf } from './place.ts'
import { readProtobuf } from './readValue.ts'

const kindWord = enumWords(OutcomeKind, 'OUTCOME_KIND_')

export const deliveriesTable = defineLogTable(
  'deliveries',
  topics.deliveries,
  {
    ...placeColumns,
    ...stampColumns,
    id: string,
    destination: word,
    sync: word,
    profile_id: string,
    version: string,
    type: word,
    change_id: string,
    body: string,
    created: millis,
    mapping: word,
    filtered: word,
  },
  (place, record) => {
    const decoded = readProtobuf(record, DeliveryRecord)
    if (isUnreadable(decoded)) return decoded
    const { delivery } = decoded
    if (delivery === undefined) return { unreadable: 'no delivery: written by a newer version?' }
    return {
      ...placeOf(place, record),
      ...stampOf(decoded.stamp),
      id: delivery.id,
      destination: delivery.destinationId,
      sync: delivery.syncId,
      profile_id: delivery.profileId,
      version: delivery.version,
      type: delivery.type,
      change_id: delivery.changeId,
      body: delivery.body,
      created: delivery.createdTimeMs,
      mapping: delivery.mapping,
      filtered: delivery.filtered,
    }
  },
)

export const deliveryOutcomesTable = defineLogTable(
  'delivery_outcomes',
  topics.deliveryOutcomes,
  {
    ...placeColumns,
    ...stampColumns,
    delivery_id: string,
    destination: word,
    sync: word,
    profile_id: string,
    change_id: string,
    kind: word,
    attempt: uint32,
    status: uint32,
    code: word,
    message: string,
    time: millis,
  },
  (place, record) => {
    const outcome = readProtobuf(record, DeliveryOutcome)
    if (isUnreadable(outcome)) return outcome
    return {
      ...placeOf(place, record),
      ...stampOf(outcome.stamp),
      delivery_id: outcome.deliveryId,
      destination: outcome.destinationId,
      sync: outcome.syncId,
      profile_id: outcome.profileId,
      change_id: outcome.changeId,
      kind: kindWord(outcome.kind),
      attempt: outcome.attempt,
      status: outcome.status,
      code: outcome.code,
      message: outcome.message,
      time: outcome.timeMs,
    }
  },
)
