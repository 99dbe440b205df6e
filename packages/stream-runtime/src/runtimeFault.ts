/**
 * What went wrong, and what to do about it. Everything a port throws that is not one of these is treated as `reopen`.
 */
export type FaultAction =
  /** Throw the producer away and open the task anew, after a pause. */
  | 'reopen'
  /** Another owner has the partition: close this task, the process lives. */
  | 'close'
  /** Nothing in this process can repair it: stop the process with the reason. */
  | 'stop'

export type FaultCode =
  | 'fenced'
  | 'log-unavailable'
  | 'record-too-large'
  | 'position-before-log-start'
  | 'position-beyond-log-end'
  | 'not-authorised'
  | 'store-full'
  | 'store-corrupt'
  | 'store-failed'
  | 'processor-failed'
  | 'meta-unreadable'

const actions: Readonly<Record<FaultCode, FaultAction>> = {
  fenced: 'close',
  'log-unavailable': 'reopen',
  'record-too-large': 'stop',
  'position-before-log-start': 'stop',
  'position-beyond-log-end': 'stop',
  'not-authorised': 'stop',
  'store-full': 'stop',
  'store-corrupt': 'stop',
  'store-failed': 'stop',
  'processor-failed': 'stop',
  'meta-unreadable': 'stop',
}

export class RuntimeFault extends Error {
  override readonly name = 'RuntimeFault'
  readonly code: FaultCode
  readonly action: FaultAction

  constructor(code: FaultCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.action = actions[code]
  }
}

export function actionFor(error: unknown): FaultAction {
  return error instanceof RuntimeFault ? error.action : 'reopen'
}

/** What a processor threw; a fault of ours that passed through it stays what it is. */
export function processorFault(task: string, where: string, error: unknown): RuntimeFault {
  if (error instanceof RuntimeFault) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new RuntimeFault(
    'processor-failed',
    `the processor of ${task} failed at ${where}: ${reason}; it is a fault of the program, run a release that has it repaired`,
    { cause: error },
  )
}
