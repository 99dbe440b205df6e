import type { InputPosition, InputStream, TakenInput } from '@tributary/stream-runtime'
import { RuntimeFault } from '@tributary/stream-runtime'
import { topicName, type TopicPrefix } from '@tributary/contracts'
import type { FetchedChunk, FetchedPartition, PartitionFetcher } from './partitionFetcher.ts'

/** The inputs of one task, out of what the fetcher of its process has fetched ahead. */
export function openKafkaInputs(
  fetcher: PartitionFetcher,
  topicPrefix: TopicPrefix,
  positions: readonly InputPosition[],
): InputStream {
  let listener = () => {}
  const inputs = positions.map((position) => ({
    ...position,
    fetched: fetcher.add(
      {
        topic: topicName(topicPrefix, position.topic),
        partition: position.partition,
        offset: position.offset,
      },
      () => listener(),
    ),
  }))
  /** The input that takes its turn first: no input waits for ever behind a busy one. */
  let turn = 0

  return {
    buffered() {
      let chunks = 0
      let records = 0
      let bytes = 0
      for (const { fetched } of inputs)
        for (const chunk of fetched.chunks) {
          chunks++
          records += chunk.records.length
          bytes += chunk.bytes
        }
      return { chunks, records, bytes }
    },
    take(limits) {
      const taken: TakenInput[] = []
      let { records, bytes } = limits
      turn = (turn + 1) % inputs.length
      for (let i = 0; i < inputs.length; i++) {
        const { topic, partition, fetched } = inputs[(turn + i) % inputs.length]!
        const chunk = takeFrom(fetched, records, bytes)
        if (!chunk) continue
        taken.push({ topic, partition, ...chunk })
        records -= chunk.records.length
        bytes -= chunk.bytes
        if (records <= 0 || bytes <= 0) break
      }
      return taken
    },
    onAvailable: (added) => void (listener = added),
    endOf: (topic) => inputs.find((input) => input.topic.name === topic.name)?.fetched.end,
    check() {
      for (const { topic, partition, fetched } of inputs) {
        if (!fetched.fault) continue
        const { fault } = fetched
        const where = `${topic.name}/${partition}`
        if (fault.code === 'offset-out-of-range')
          throw new RuntimeFault(
            'position-before-log-start',
            `${fault.message}: it has expired unread or the topic was recreated; rebuild with a new layout epoch`,
            { cause: fault },
          )
        if (fault.code === 'not-authorised')
          throw new RuntimeFault('not-authorised', `${where}: ${fault.message}`, { cause: fault })
        throw new RuntimeFault('log-unavailable', `${where}: ${fault.message}`, { cause: fault })
      }
    },
    close() {
      for (const { fetched } of inputs) fetched.close()
    },
  }
}

/** The next records of one partition, at least one when there is any; a chunk without records gives its position. */
function takeFrom(fetched: FetchedPartition, records: number, bytes: number): FetchedChunk | undefined {
  const chunk = fetched.chunks[0]
  if (!chunk) return undefined
  const share = chunk.records.length === 0 ? 0 : chunk.bytes / chunk.records.length
  const count = Math.max(1, Math.min(records, share === 0 ? records : Math.floor(bytes / share)))
  if (chunk.records.length <= count) {
    fetched.taken()
    return chunk
  }
  const first = chunk.records.slice(0, count)
  fetched.taken({
    records: chunk.records.slice(count),
    nextOffset: chunk.nextOffset,
    bytes: chunk.bytes - share * count,
  })
  return { records: first, nextOffset: first.at(-1)!.offset + 1, bytes: share * count }
}
