/**
 * The states of one life of a task. A task that fails ends, and another life begins with what is committed.
 *
 *   created ──▶ restoring ──▶ running ──▶ draining ──▶ closed   clean: everything begun was committed
 *      │            │            │            │           ▲
 *      └────────────┴────────────┴────────────┴───────────┘     dirty: what was begun is thrown away
 */
import type { TaskState } from './taskGroup.ts'

export type Closing = 'clean' | 'dirty'

const next: Readonly<Record<TaskState, readonly TaskState[]>> = {
  created: ['restoring', 'closed'],
  restoring: ['running', 'closed'],
  running: ['draining', 'closed'],
  draining: ['closed'],
  closed: [],
}

export class TaskLife {
  #state: TaskState = 'created'
  #closing: Closing | undefined

  get state(): TaskState {
    return this.#state
  }

  get closing(): Closing | undefined {
    return this.#closing
  }

  to(state: Exclude<TaskState, 'closed'>): void {
    this.#move(state)
  }

  /** Clean only from draining, or before anything was begun. */
  close(how: Closing): void {
    if (how === 'clean' && this.#state === 'running')
      throw new Error('a running task must drain before it can close cleanly')
    this.#move('closed')
    this.#closing = how
  }

  require(...states: TaskState[]): void {
    if (!states.includes(this.#state))
      throw new Error(`a task that is ${this.#state} must be ${states.join(' or ')} for this`)
  }

  #move(state: TaskState): void {
    if (!next[this.#state].includes(state))
      throw new Error(`a task that is ${this.#state} cannot become ${state}`)
    this.#state = state
  }
}
