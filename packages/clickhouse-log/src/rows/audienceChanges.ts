import { topics } from '@tributary/contracts'
import { array, map, millis, string, uint64, word } from './columnType.ts'
import { defineLogTable, isUnreadable } from './logTable.ts'
import { cloudEventColumns, cloudEventOf, placeColumns, placeOf } from './place.ts'
import { objectOf, readJson, textMapOf, textOf, textsOf, timeOf } from './readValue.ts'
import { versionNumber } from './versionNumber.ts'

export const audienceChangesTable = defineLogTable(
  'audience_changes',
  topics.audienceChanges,
  {
    ...placeColumns,
    ...cloudEventColumns,
    audience: word,
    profile_id: string,
    change: word,
    version: string,
    n: uint64,
    time: millis,
    reason: word,
    message_ids: array(string),
    sources: array(word),
    rules: map(word, string),
    value: string,
  },
  (place, record) => {
    const change = readJson(record)
    if (isUnreadable(change)) return change
    const version = textOf(change['version'])
    const n = versionNumber(version)
    if (n === undefined) return { unreadable: `version "${version}" is none` }
    const cause = objectOf(change['causedBy'])
    return {
      ...placeOf(place, record),
      ...cloudEventOf(record),
      audience: textOf(change['audience']),
      profile_id: textOf(change['profileId']),
      change: textOf(change['change']),
      version,
      n,
      time: timeOf(change['time'], record.timestampMs),
      reason: textOf(change['reason']),
      message_ids: textsOf(cause['messageIds']),
      sources: textsOf(cause['sources']),
      rules: textMapOf(change['rules']),
      value: record.value ?? '',
    }
  },
)
