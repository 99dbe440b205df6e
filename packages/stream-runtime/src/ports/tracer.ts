/** A record that carried a trace, and was taken, computed and committed. */
export interface TracedStep {
  /** Name of the topology. */
  readonly task: string
  readonly partition: number
  /** Catalogue name of the input. */
  readonly topic: string
  readonly offset: number
  /** Traceparents: its own, then those of other traces that led to it. */
  readonly traces: readonly string[]
  /** Of the batch, ms since 1970: from its first step to the end of its commit. */
  readonly startMs: number
  readonly endMs: number
}

/** Tells of what is committed, and of nothing else. Must not throw. */
export interface TaskTracer {
  processed(step: TracedStep): void
}
