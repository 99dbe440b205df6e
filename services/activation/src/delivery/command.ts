/** What a person decides, injected into the task that owns the partition like the answers of destinations. */
export type Command =
  | {
      readonly command: 'redrive' | 'discard'
      /** Key of the dead letter's row. */
      readonly row: string
      readonly deliveryId: string
      readonly actor: string
      readonly reason: string
      readonly atMs: number
    }
  | {
      readonly command: 'stop'
      readonly destination: string
      readonly actor: string
      readonly reason: string
      readonly atMs: number
    }
  | { readonly command: 'resume'; readonly destination: string }
