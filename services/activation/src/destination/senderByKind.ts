import type { DestinationDocument } from '@tributary/configuration'
import type { Sender } from '../delivery/dispatcher.ts'

/** The kinds a Destination document may have; it has exactly one. */
export const destinationKinds = ['webhook', 'kafka', 'postgres', 's3', 'recipe'] as const
export type DestinationKind = (typeof destinationKinds)[number]

export type Senders = { readonly [kind in DestinationKind]?: Sender }

/** One sender for all kinds: each destination goes to the one of its kind. A kind without one is paused, never lost. */
export function senderByKind(senders: Senders): Sender {
  const of = (destination: DestinationDocument): Sender => {
    const kind = destinationKinds.find((each) => destination[each] !== undefined)
    return (kind && senders[kind]) ?? unknownKind
  }
  return {
    blocked: (destination) => of(destination).blocked(destination),
    send: (destination, delivery, signal) => of(destination).send(destination, delivery, signal),
    files: {
      longestMs: (destination) => of(destination).files?.longestMs(destination),
      send: (destination, file, signal) =>
        of(destination).files?.send(destination, file, signal) ??
        unknownKind.send(destination, file.deliveries[0]!, signal),
    },
  }
}

const unknownKind: Sender = {
  blocked: () => ({
    code: 'KIND_UNKNOWN',
    message: 'this version does not send to destinations of this kind',
  }),
  send: async () => ({
    kind: 'failure',
    code: 'URL_INVALID',
    message: 'the destination is of an unknown kind',
  }),
}
