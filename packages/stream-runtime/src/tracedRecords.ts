import { type TopicSpec, tracesOf } from '@tributary/contracts'
import type { TaskTracer, TracedStep } from './ports/tracer.ts'
import type { InputRecord } from './processor.ts'

/** Of one batch: an exporter drops what is too much for it, and who looks at traces follows a few. */
const MAX_TRACED = 100

/** The records of a batch that carry a trace, told of when it is committed. */
export class TracedRecords {
  readonly #tracer: TaskTracer | undefined
  readonly #place: Pick<TracedStep, 'task' | 'partition'>
  #taken: Omit<TracedStep, 'startMs' | 'endMs'>[] = []

  constructor(tracer: TaskTracer | undefined, task: string, partition: number) {
    this.#tracer = tracer
    this.#place = { task, partition }
  }

  take(topic: TopicSpec, { headers, offset }: Pick<InputRecord, 'headers' | 'offset'>): void {
    if (this.#tracer === undefined || this.#taken.length === MAX_TRACED) return
    const traces = tracesOf(headers)
    if (traces.length > 0) this.#taken.push({ ...this.#place, topic: topic.name, offset, traces })
  }

  /** `startMs`, `endMs`: of the batch. */
  committed(startMs: number, endMs: number): void {
    if (this.#taken.length === 0) return
    for (const each of this.#taken) this.#tracer?.processed({ ...each, startMs, endMs })
    this.#taken = []
  }
}
