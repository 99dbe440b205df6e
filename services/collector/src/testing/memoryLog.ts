import {
  type OutgoingLane,
  type OutgoingRecord,
  type RecordSender,
  type WrittenRange,
} from '../produce/outgoing.ts'

/**
 * A small log in memory behind the sender's port, with the faults a broker has: it can be away, hang, or lose its
 * answer after it has written.
 */
export interface MemoryLog extends RecordSender {
  /** What was written, in order: to a partition, or to the whole topic. */
  records(topic: 'events' | 'rejected', partition?: number): readonly OutgoingRecord[]
  /** Sizes of the produce requests so far. */
  readonly requests: readonly number[]
  /** away: refuses; silent: never answers; deaf: writes, and its answer is lost. */
  fault: 'away' | 'silent' | 'deaf' | undefined
  /** From now on, answers wait for `release`. */
  hold(): void
  release(): void
}

export function createMemoryLog(): MemoryLog {
  const partitions = new Map<string, OutgoingRecord[]>()
  const written: OutgoingRecord[] = []
  const requests: number[] = []
  let gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined

  function write(lanes: readonly OutgoingLane[]): WrittenRange[] {
    return lanes.map(({ topic, partition, records }) => {
      const key = `${topic}/${partition}`
      const log = partitions.get(key) ?? []
      partitions.set(key, log)
      const baseOffset = log.length
      for (const record of records) {
        // As Kafka does, it keeps a copy: the memory of what is durable is used again.
        const own = { ...record, value: Buffer.from(record.value) }
        log.push(own)
        written.push(own)
      }
      return { topic, partition, baseOffset }
    })
  }

  return {
    requests,
    fault: undefined,
    async send(lanes) {
      requests.push(lanes.reduce((sum, { records }) => sum + records.length, 0))
      if (this.fault === 'away') throw new Error('no broker answers')
      if (this.fault === 'silent') return new Promise<never>(() => undefined)
      await gate?.opened
      const ranges = write(lanes)
      if (this.fault === 'deaf') throw new Error('the answer was lost')
      return ranges
    },
    records(topic, partition) {
      if (partition !== undefined) return partitions.get(`${topic}/${partition}`) ?? []
      return written.filter((record) => record.topic === topic)
    },
    hold() {
      let open: () => void = () => undefined
      const opened = new Promise<void>((resolve) => {
        open = resolve
      })
      gate = { opened, open }
    },
    release() {
      gate?.open()
      gate = undefined
    },
  }
}
