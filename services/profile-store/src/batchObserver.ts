/**
 * What a processor saw, told to the edge when it is committed and not before: metrics count only what is true. A batch
 * that is lost is forgotten with the processor that computed it.
 */
export interface BatchSink<T> {
  /** A new processor: what the last one computed and did not commit never was. */
  opened(partition: number): void
  computed(partition: number, seen: T): void
}

export class BatchObserver<T> implements BatchSink<T> {
  readonly #computed = new Map<number, T[]>()
  readonly #committed: (partition: number, seen: T) => void

  constructor(committed: (partition: number, seen: T) => void) {
    this.#committed = committed
  }

  opened(partition: number): void {
    this.#computed.delete(partition)
  }

  computed(partition: number, seen: T): void {
    const waiting = this.#computed.get(partition)
    if (waiting) waiting.push(seen)
    else this.#computed.set(partition, [seen])
  }

  /** The task commits one batch after the other: all that was computed is committed now. */
  committed(partition: number): void {
    const seen = this.#computed.get(partition) ?? []
    this.#computed.delete(partition)
    for (const each of seen) this.#committed(partition, each)
  }
}
