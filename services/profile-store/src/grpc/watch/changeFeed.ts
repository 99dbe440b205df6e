/**
 * Changes for those who watch, read from the public topic while somebody does: whichever instance is asked, the
 * changes are all there, and a partition that moves leaves no gap.
 *
 *      idle ──first watcher──▶ opening ──▶ following ──last watcher gone──▶ idle
 *                                 └────────────┴── the topic cannot be read: every watcher is told ──▶ idle
 *
 *  F1. When `open` resolves, every change that is committed from then on will be told.
 *  F2. Nothing is read while nobody watches.
 *  F3. Whatever lies below a position has been told to all who watch, and nothing at or above it.
 */
import { topics } from '@tributary/contracts'
import { type InputStream, type RuntimeLog } from '@tributary/stream-runtime'
import { takeChanges } from './takeChanges.ts'
import { type Watchers } from './watchers.ts'

export interface ChangeFeed {
  /** Before a watcher is added; each call is ended by one `close`. */
  open(): Promise<void>
  close(): void
  /** Of each partition, while it is open (F3). */
  positions(): readonly number[]
}

export interface ChangeFeedOptions {
  readonly log: Pick<RuntimeLog, 'bounds' | 'openInputs'>
  /** Partitions of the profiles. */
  readonly partitions: number
  readonly watchers: Pick<Watchers, 'tell' | 'fail'>
}

export function createChangeFeed({ log, partitions, watchers }: ChangeFeedOptions): ChangeFeed {
  let users = 0
  let opening: Promise<InputStream> | undefined
  let current: InputStream | undefined
  let at: number[] = []

  async function follow(): Promise<InputStream> {
    const positions = await Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        const { committedEnd } = await log.bounds(topics.profileChanges, partition)
        return { topic: topics.profileChanges, partition, offset: committedEnd }
      }),
    )
    const stream = log.openInputs(positions)
    current = stream
    at = positions.map(({ offset }) => offset)
    stream.onAvailable(() => tell(stream))
    tell(stream)
    return stream
  }

  function tell(stream: InputStream): void {
    if (stream !== current) return
    try {
      const more = takeChanges(stream, {
        record(place, change) {
          // F3, also for whoever looks while it is told.
          at[place.partition] = place.offset + 1
          if (change) watchers.tell(change, place)
        },
        passed(partition, nextOffset) {
          at[partition] = nextOffset
        },
      })
      if (more) setImmediate(() => tell(stream))
    } catch (error) {
      stream.close()
      current = opening = undefined
      watchers.fail(error)
    }
  }

  return {
    async open() {
      users++
      const mine = (opening ??= follow())
      try {
        await mine
      } catch (error) {
        users--
        if (opening === mine) opening = undefined
        throw error
      }
    },
    close() {
      users--
      if (users > 0 || !opening) return
      void opening.then((stream) => stream.close()).catch(() => {})
      current = opening = undefined
    },
    positions: () => at,
  }
}
