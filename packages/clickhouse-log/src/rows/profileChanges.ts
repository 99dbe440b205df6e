import { topics } from '@tributary/contracts'
import { array, map, millis, string, uint64, word } from './columnType.ts'
import { defineLogTable, isUnreadable } from './logTable.ts'
import { cloudEventColumns, cloudEventOf, placeColumns, placeOf } from './place.ts'
import { objectOf, readJson, textMapOf, textOf, textsOf, timeOf } from './readValue.ts'
import { versionNumber } from './versionNumber.ts'

export const profileChangesTable = defineLogTable(
  'profile_changes',
  topics.profileChanges,
  {
    ...placeColumns,
    ...cloudEventColumns,
    op: word,
    profile_id: string,
    version: string,
    n: uint64,
    previous_version: string,
    time: millis,
    changed: array(string),
    merged_from: array(string),
    merged_into: string,
    reason: word,
    message_ids: array(string),
    sources: array(word),
    change_id: string,
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
      op: textOf(change['op']),
      profile_id: textOf(change['profileId']),
      version,
      n,
      previous_version: textOf(change['previousVersion']),
      time: timeOf(change['time'], record.timestampMs),
      changed: textsOf(change['changed']),
      merged_from: textsOf(change['mergedFrom']),
      merged_into: textOf(change['mergedInto']),
      reason: textOf(cause['reason']),
      message_ids: textsOf(cause['messageIds']),
      sources: textsOf(cause['sources']),
      change_id: textOf(cause['changeId']),
      rules: textMapOf(change['rules']),
      value: record.value ?? '',
    }
  },
)
