/** A destination of files before the contract of senders: every delivery is a file of its own. */
import { gunzipSync } from 'node:zlib'
import type { Sender } from '../delivery/dispatcher.ts'

export function fileByFile(sender: Sender): Sender {
  let number = 0
  return {
    blocked: (destination) => sender.blocked(destination),
    send: (destination, delivery, signal) => {
      number++
      const file = {
        partition: 0,
        first: number,
        last: number,
        sinceMs: 0,
        deliveries: [delivery],
        leftOut: [],
      }
      return sender.files!.send(destination, file, signal)
    },
  }
}

export interface FileLine {
  readonly id: string
  readonly sync: string
  readonly profileId: string
  readonly version: string
  readonly data: unknown
}

/** Lines of objects, by their names. */
export function linesOf(objects: ReadonlyMap<string, Uint8Array>): FileLine[] {
  return [...objects]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, gzip]) => gunzipSync(gzip).toString().trimEnd().split('\n'))
    .map((line) => JSON.parse(line) as FileLine)
}
