/**
 * Changes for those who watch, read from the public topic while somebody does: whichever instance is asked, the
 * changes are all there, and a partition that moves leaves no gap.
 *
 *      idle ──first watcher──▶ opening ──▶ following ──last watcher gone──▶ idle
 *                                 └────────────┴── the topic cannot be read: every watcher is told ──▶ idle
 *
 *  F1. When `open` resolves, every change that is committed from then on will be told.
 *  F2. Nothing is read while nobody watches.
 */
import { type ProfileChangeRecord, topics } from '@tributary/contracts'
import { type InputRecord, type InputStream, type RuntimeLog } from '@tributary/stream-runtime'
import { type PublishedChange } from '../profile/profileProcessor.ts'
import { type Watchers } from './watchers.ts'

/** Taken between two turns of the event loop: about a millisecond's work. */
const TAKE = { records: 256, bytes: 1 << 20 }

export interface ChangeFeed {
  /** Before a watcher is added; each call is ended by one `close`. */
  open(): Promise<void>
  close(): void
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

  async function follow(): Promise<InputStream> {
    const positions = await Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        const { committedEnd } = await log.bounds(topics.profileChanges, partition)
        return { topic: topics.profileChanges, partition, offset: committedEnd }
      }),
    )
    const stream = log.openInputs(positions)
    current = stream
    stream.onAvailable(() => tell(stream))
    tell(stream)
    return stream
  }

  function tell(stream: InputStream): void {
    if (stream !== current) return
    try {
      stream.check()
      const taken = stream.take(TAKE)
      for (const { records } of taken) for (const record of records) tellOne(record)
      if (taken.length > 0) setImmediate(() => tell(stream))
    } catch (error) {
      stream.close()
      current = opening = undefined
      watchers.fail(error)
    }
  }

  function tellOne(record: Pick<InputRecord, 'value' | 'headers'>): void {
    const change = record.value && readChange(record.value, record.headers)
    if (change) watchers.tell(change)
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
  }
}

function readChange(value: Buffer, headers: InputRecord['headers']): PublishedChange {
  const json = value.toString()
  const { profileId, version, mergedInto } = JSON.parse(json) as ProfileChangeRecord
  return {
    profileId,
    version,
    type: String(headers['ce_type'] ?? ''),
    json,
    ...(mergedInto !== undefined && { mergedInto }),
  }
}
