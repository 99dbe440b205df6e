/**
 * Records fetched ahead of a task: each input at its own pace, in pieces of any size, so that the inputs of a task mix
 * in every way. A first fetch may give records below the position, as Kafka does: it sends whole record batches.
 */
import {
  type InputPosition,
  type InputStream,
  RuntimeFault,
  type ReadRecord,
  type TakenInput,
} from '@tributary/stream-runtime'
import type { Random } from '../demo/random.ts'
import type { Weather } from './processPorts.ts'
import type { SimulatedLog } from './simulatedLog.ts'
import type { SimulatedProcess } from './simulatedProcess.ts'

interface Input extends InputPosition {
  /** Next offset to take. */
  taken: number
  /** Next offset to fetch. */
  fetched: number
  end: number | undefined
  fetching: boolean
  /** Where what is taken first begins. */
  before: number
}

export function openSimulatedInputs(options: {
  readonly positions: readonly InputPosition[]
  readonly log: SimulatedLog
  readonly process: SimulatedProcess
  readonly weather: Pick<Weather, 'random' | 'fetchedBelow'>
}): InputStream {
  const { log, process, weather } = options
  const { random } = weather
  const inputs = options.positions.map((position): Input => {
    const before = Math.max(0, position.offset - weather.fetchedBelow())
    return {
      ...position,
      taken: position.offset,
      fetched: position.offset,
      end: undefined,
      fetching: false,
      before,
    }
  })
  let listener = () => {}
  let closed = false

  function fetchAll(): void {
    for (const input of inputs) fetchMore(input)
  }

  function fetchMore(input: Input): void {
    if (closed || input.fetching) return
    if (input.end !== undefined && log.stableEnd(input.topic, input.partition) <= input.fetched) return
    input.fetching = true
    process.after(delayMs(random), () => {
      input.fetching = false
      if (closed) return
      const end = log.stableEnd(input.topic, input.partition)
      const more = end - input.fetched
      input.end = end
      if (more > 0) input.fetched += random.chance(0.7) ? more : random.between(1, more)
      listener()
      fetchMore(input)
    })
  }

  const stopListening = log.onChange(fetchAll)
  fetchAll()

  function take(input: Input, limit: number): TakenInput | undefined {
    if (input.taken >= input.fetched) return undefined
    const to = Math.min(input.fetched, input.taken + Math.max(1, limit))
    const records = log.read(input.topic, input.partition, Math.min(input.before, input.taken), to)
    input.taken = input.before = to
    return { topic: input.topic, partition: input.partition, records, nextOffset: to, bytes: sizeOf(records) }
  }

  return {
    buffered() {
      const waiting = inputs.map(({ taken, fetched }) => fetched - taken).filter((each) => each > 0)
      return { chunks: waiting.length, records: waiting.reduce((a, b) => a + b, 0), bytes: 0 }
    },
    take({ records: limit }) {
      const order = random.chance(0.5) ? inputs : inputs.toReversed()
      const some = random.chance(0.6) ? limit : Math.min(limit, random.between(1, 4))
      return order.flatMap((input) => take(input, some) ?? [])
    },
    onAvailable: (added) => void (listener = added),
    endOf: (topic) => inputs.find((input) => input.topic.name === topic.name)?.end,
    check() {
      for (const { topic, partition, offset } of inputs)
        if (offset > log.end(topic, partition))
          throw new RuntimeFault(
            'position-beyond-log-end',
            `${topic.name}/${partition} ends before ${offset}`,
          )
    },
    close() {
      closed = true
      stopListening()
    },
  }
}

/** Mostly a few ms, sometimes much more than another input takes. */
function delayMs(random: Random): number {
  return random.chance(0.85) ? random.between(1, 20) : random.between(50, 900)
}

function sizeOf(records: readonly ReadRecord[]): number {
  return records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
}
