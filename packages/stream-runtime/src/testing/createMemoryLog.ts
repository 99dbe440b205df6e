/**
 * The log port in memory: offsets, transactions with markers, fencing, read-committed readers, groups. Small, and
 * held to the same contract as Kafka (logContract.ts).
 */
import type { TopicSpec } from '@tributary/contracts'
import type {
  InputPosition,
  InputStream,
  LogRecord,
  Membership,
  MembershipOptions,
  ReadChunk,
  ReadRecord,
  RuntimeLog,
  SentTo,
  TakenInput,
  TransactionalSession,
} from '../ports/log.ts'
import { RuntimeFault } from '../runtimeFault.ts'

interface Transaction {
  state: 'open' | 'committed' | 'aborted'
}

interface Entry {
  /** Undefined for a marker, or for what compaction has removed. */
  readonly record: Omit<ReadRecord, 'offset'> | undefined
  readonly transaction: Transaction | undefined
}

interface Partition {
  readonly topic: TopicSpec
  readonly entries: Entry[]
  start: number
}

interface Member {
  readonly options: MembershipOptions
  assigned: readonly number[]
}

export interface MemoryLog extends RuntimeLog {
  /** Plain records, as a producer outside transactions writes them; gives the offset of the last. */
  append(
    topic: TopicSpec,
    partition: number,
    records: readonly Pick<LogRecord, 'key' | 'value' | 'headers'>[],
  ): number
  /** Committed records of a partition, with their offsets. */
  committed(topic: TopicSpec, partition: number): ReadRecord[]
  /**
   * Removes all but the last committed record of each key, as a cleaner would; the nulls too once their time is over.
   */
  compact(topic: TopicSpec, partition: number, nulls?: 'kept' | 'removed'): void
  /** Drops everything below the offset, as retention does. */
  expire(topic: TopicSpec, partition: number, before: number): void
  /** Takes over the assignment of a group: node id → partitions. */
  assign(group: string, assignment: Readonly<Record<string, readonly number[]>>): void
  /** Drops a member without a word, as when its process is killed. */
  drop(group: string, nodeId: string): void
}

export interface MemoryLogOptions {
  /** Partitions of every group whose members share them by themselves; `assign` takes over. */
  readonly partitions: number
  readonly now?: () => number
  /** Waited for before every answer: a place to interleave. */
  readonly delay?: () => Promise<void>
}

export function createMemoryLog(options: MemoryLogOptions): MemoryLog {
  const now = options.now ?? (() => 0)
  const delay = options.delay ?? (() => Promise.resolve())
  const partitions = new Map<string, Partition>()
  const epochs = new Map<string, number>()
  const open = new Map<string, Transaction & { touched: Set<Partition> }>()
  const groups = new Map<string, Member[]>()
  const streams = new Set<() => void>()

  function partitionOf(topic: TopicSpec, partition: number): Partition {
    const id = `${topic.name}/${partition}`
    let found = partitions.get(id)
    if (!found) partitions.set(id, (found = { topic, entries: [], start: 0 }))
    return found
  }

  /** Next offset readers of committed records may not pass. */
  function stableEnd(partition: Partition): number {
    const first = partition.entries.findIndex((entry) => entry.transaction?.state === 'open')
    return first < 0 ? partition.entries.length : first
  }

  function visible(partition: Partition, from: number, to: number): ReadRecord[] {
    const records: ReadRecord[] = []
    for (let offset = Math.max(from, partition.start); offset < to; offset++) {
      const entry = partition.entries[offset]!
      if (entry.record && entry.transaction?.state !== 'aborted') records.push({ offset, ...entry.record })
    }
    return records
  }

  function changed(): void {
    for (const notify of streams) notify()
  }

  function end(id: string, state: 'committed' | 'aborted'): void {
    const transaction = open.get(id)
    if (!transaction) return
    open.delete(id)
    transaction.state = state
    for (const partition of transaction.touched)
      partition.entries.push({ record: undefined, transaction: undefined })
    changed()
  }

  async function openSession(id: string): Promise<TransactionalSession> {
    await delay()
    const epoch = (epochs.get(id) ?? 0) + 1
    epochs.set(id, epoch)
    end(id, 'aborted')
    const check = () => {
      if (epochs.get(id) !== epoch) throw new RuntimeFault('fenced', `${id} has a newer owner`)
    }
    return {
      async send(records) {
        await delay()
        check()
        let transaction = open.get(id)
        if (!transaction) open.set(id, (transaction = { state: 'open', touched: new Set() }))
        const sent = new Map<Partition, SentTo>()
        for (const record of records) {
          const partition = partitionOf(record.topic, record.partition)
          partition.entries.push({ record: stored(record), transaction })
          transaction.touched.add(partition)
          const { topic } = record
          sent.set(partition, {
            topic,
            partition: record.partition,
            lastOffset: partition.entries.length - 1,
          })
        }
        await delay()
        return [...sent.values()]
      },
      async commit() {
        await delay()
        check()
        end(id, 'committed')
        await delay()
      },
      discard: () => Promise.resolve(),
    }
  }

  function stored(record: Pick<LogRecord, 'key' | 'value' | 'headers'>): Omit<ReadRecord, 'offset'> {
    return {
      timestampMs: now(),
      key: record.key === null ? null : Buffer.from(record.key),
      value: record.value === null ? null : Buffer.from(record.value),
      headers: record.headers ?? {},
    }
  }

  function openInputs(positions: readonly InputPosition[]): InputStream {
    const inputs = positions.map((position) => ({
      ...position,
      log: partitionOf(position.topic, position.partition),
    }))
    let listener = () => {}
    const notify = () => listener()
    streams.add(notify)
    const waiting = (input: (typeof inputs)[number]) => Math.max(0, stableEnd(input.log) - input.offset)
    return {
      buffered: () => {
        const chunks = inputs.filter((input) => waiting(input) > 0).length
        return { chunks, records: inputs.reduce((sum, input) => sum + waiting(input), 0), bytes: 0 }
      },
      take({ records: limit }) {
        const taken: TakenInput[] = []
        for (const input of inputs) {
          if (waiting(input) === 0) continue
          const to = Math.min(stableEnd(input.log), input.offset + Math.max(1, limit))
          const records = visible(input.log, input.offset, to)
          const bytes = records.reduce((sum, record) => sum + (record.value?.length ?? 0), 0)
          taken.push({ topic: input.topic, partition: input.partition, records, nextOffset: to, bytes })
          input.offset = to
        }
        return taken
      },
      onAvailable: (added) => void (listener = added),
      endOf(topic) {
        const input = inputs.find((each) => each.topic.name === topic.name)
        return input && stableEnd(input.log)
      },
      check() {
        for (const { topic, offset, log } of inputs)
          if (offset < log.start)
            throw new RuntimeFault('position-before-log-start', `${topic.name} begins at ${log.start}`)
      },
      close: () => void streams.delete(notify),
    }
  }

  function share(group: string): void {
    const members = groups.get(group) ?? []
    for (const [i, member] of members.entries())
      give(
        member,
        Array.from({ length: options.partitions }, (_, p) => p).filter((p) => p % members.length === i),
      )
  }

  function give(member: Member, assigned: readonly number[]): void {
    member.assigned = assigned
    queueMicrotask(() => member.assigned === assigned && member.options.onAssigned(assigned))
  }

  function leave(group: string, nodeId: string): void {
    groups.set(
      group,
      (groups.get(group) ?? []).filter((member) => member.options.nodeId !== nodeId),
    )
    share(group)
  }

  return {
    openSession,
    openInputs,
    async *read(topic, partition, from, until, signal) {
      const log = partitionOf(topic, partition)
      for (let offset = Math.max(from, log.start); offset < until;) {
        await delay()
        signal?.throwIfAborted()
        const to = Math.min(offset + 100, stableEnd(log), until)
        if (to > offset) yield { records: visible(log, offset, to), nextOffset: to } satisfies ReadChunk
        offset = Math.max(offset, to)
      }
    },
    async bounds(topic, partition) {
      await delay()
      const log = partitionOf(topic, partition)
      return { start: log.start, end: log.entries.length, committedEnd: stableEnd(log) }
    },
    async join(member): Promise<Membership> {
      await delay()
      groups.set(member.group, [...(groups.get(member.group) ?? []), { options: member, assigned: [] }])
      share(member.group)
      return {
        commitForTools: () => Promise.resolve(),
        confirmedAtMs: () => (isMember(groups, member) ? now() : -Infinity),
        leave: () => Promise.resolve(leave(member.group, member.nodeId)),
      }
    },
    append(topic, partition, records) {
      const log = partitionOf(topic, partition)
      for (const record of records) log.entries.push({ record: stored(record), transaction: undefined })
      changed()
      return log.entries.length - 1
    },
    committed(topic, partition) {
      const log = partitionOf(topic, partition)
      return visible(log, 0, stableEnd(log))
    },
    compact(topic, partition, nulls = 'kept') {
      const log = partitionOf(topic, partition)
      const last = new Map<string, number>()
      const records = visible(log, 0, stableEnd(log))
      for (const { key, offset } of records) last.set(key?.toString() ?? '', offset)
      for (const { key, offset, value } of records)
        if (last.get(key?.toString() ?? '') !== offset || (nulls === 'removed' && value === null))
          log.entries[offset] = { record: undefined, transaction: undefined }
    },
    expire(topic, partition, before) {
      partitionOf(topic, partition).start = before
    },
    assign(group, assignment) {
      for (const member of groups.get(group) ?? []) give(member, assignment[member.options.nodeId] ?? [])
    },
    drop: leave,
  }
}

function isMember(groups: ReadonlyMap<string, readonly Member[]>, options: MembershipOptions): boolean {
  return (groups.get(options.group) ?? []).some((member) => member.options === options)
}
