import { topics } from '@tributary/contracts'
import type { Codec, TableSpec, Topology } from '../processor.ts'

/** Text as it is: the simplest codec. */
export const textCodec: Codec<string> = {
  encode: (value) => Buffer.from(value),
  decode: (bytes) => Buffer.from(bytes).toString(),
}

export const countsTable: TableSpec<number> = {
  name: 'counts',
  changeLog: topics.fragments,
  codec: { encode: (value) => Buffer.from(String(value)), decode: (bytes) => Number(Buffer.from(bytes)) },
}

/**
 * Counts the events of each key and sends each new count once per batch to a stamped topic: the least processor whose
 * result shows any record that was lost, repeated or reordered.
 */
export const countingTopology: Topology = {
  name: 'counting',
  inputs: [topics.events],
  tables: [countsTable],
  metaLog: topics.fragments,
  create() {
    const changed = new Set<string>()
    return {
      step(context, input) {
        if (input.kind !== 'record') return
        const key = input.record.key?.toString() ?? ''
        const counts = context.table(countsTable)
        counts.put(key, (counts.get(key) ?? 0) + 1)
        changed.add(key)
      },
      endBatch(context) {
        for (const key of changed) {
          const count = context.table(countsTable).get(key)
          // Skipped stands in as a small stamped message: its message id carries "key=count".
          const value = Buffer.from([])
          context.send({
            topic: topics.skipped,
            partition: context.partition,
            key: `${key}=${count}`,
            value,
          })
        }
        changed.clear()
      },
    }
  },
}
