/**
 * What a person decides, and what the dispatcher settles, injected into the task that owns the partition like the answers
 * of destinations.
 */
export type Command =
  | Decision
  | {
      readonly command: 'stop'
      readonly destination: string
      readonly actor: string
      readonly reason: string
      readonly atMs: number
    }
  | Sealing
  | Withdrawing
  | { readonly command: 'resume'; readonly destination: string }

/** About a dead letter. */
export interface Decision {
  readonly command: 'redrive' | 'discard'
  /** Key of the dead letter's row. */
  readonly row: string
  readonly deliveryId: string
  readonly actor: string
  readonly reason: string
  readonly atMs: number
}

/** Settles what is in the file that a row begins (files.ts, F1). */
export interface Sealing {
  readonly command: 'seal'
  readonly row: string
  readonly deliveryId: string
  /** Key of the file's last row. */
  readonly last: string
}

/** The turn of a delivery has come that is not sent any more, and no call of it is under way (withdrawEarlier.ts). */
export interface Withdrawing {
  readonly command: 'withdraw'
  readonly row: string
  readonly deliveryId: string
  readonly atMs: number
}
