import type { TopicSpec } from '@tributary/contracts'

/** A topic in the places of all epochs: its own name, and what begins like a later epoch's. */
export function placesOf({ name }: TopicSpec): { readonly topic: string; readonly later: string } {
  return { topic: name, later: `${name}.e` }
}
