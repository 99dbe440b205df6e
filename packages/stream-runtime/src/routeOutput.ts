import { type PartitionCounts, partitionOf, partitionsOf } from '@tributary/contracts'
import type { OutputRecord } from './processor.ts'

/** The partition an output goes to, by the rule of its topic; a named partition always wins (control records). */
export function routeOutput(record: OutputRecord, counts: PartitionCounts): number {
  const count = partitionsOf(record.topic, counts)
  if (record.partition !== undefined) {
    if (!Number.isInteger(record.partition) || record.partition < 0 || record.partition >= count)
      throw new RangeError(`${record.topic.name} has no partition ${record.partition}, only ${count} from 0`)
    return record.partition
  }
  if (record.topic.partitionBy === 'explicit')
    throw new TypeError(`${record.topic.name}: a record needs its partition named`)
  const key =
    record.topic.partitionBy === 'key'
      ? required(record.key ?? undefined, record, 'a key')
      : required(record.partitionKey, record, 'partitionKey, the profile id')
  return partitionOf(key, count)
}

function required(value: string | undefined, record: OutputRecord, what: string): string {
  if (value === undefined)
    throw new TypeError(`${record.topic.name}: a record needs ${what}, or its partition named`)
  return value
}
