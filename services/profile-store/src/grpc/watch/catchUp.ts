import { status } from '@grpc/grpc-js'
import { topics } from '@tributary/contracts'
import { Refusal } from '@tributary/service-kit'
import { type InputStream, type RuntimeLog } from '@tributary/stream-runtime'
import { readChange } from './readChange.ts'
import { type WatchOutlet } from './watchOutlet.ts'

/** Taken between two turns of the event loop: about a millisecond's work. */
const TAKE = { records: 256, bytes: 1 << 20 }
/** The caller must have taken all but so many before more is read: what is behind stays below what ends a call. */
const READ_BELOW = 256
/** A caller that takes nothing for so long gives its place to others, ms. */
const STALLED_MS = 30_000

export interface CatchUpOptions {
  readonly log: Pick<RuntimeLog, 'openInputs'>
  readonly outlet: WatchOutlet
  readonly fail: (error: unknown) => void
  readonly done: () => void
}

/**
 * Reads what an outlet has not told yet until all of it comes from the feed, no faster than its caller takes it.
 * Gives what ends it before.
 */
export function catchUp({ log, outlet, fail, done }: CatchUpOptions): () => void {
  const left = outlet.handOver()
  if (left.length === 0) {
    done()
    return () => {}
  }
  let over = false
  let stalled: NodeJS.Timeout | undefined
  const stream: InputStream = log.openInputs(left.map((each) => ({ topic: topics.profileChanges, ...each })))

  function stop(): void {
    if (over) return
    over = true
    clearTimeout(stalled)
    outlet.onGone(() => {})
    stream.close()
  }

  function wait(): void {
    stalled ??= setTimeout(() => {
      stop()
      fail(
        new Refusal(
          status.RESOURCE_EXHAUSTED,
          `no change was taken for ${STALLED_MS / 1000} s; watch again with the last resume_token`,
        ),
      )
    }, STALLED_MS).unref()
  }

  function read(): void {
    if (over) return
    if (outlet.behind >= READ_BELOW) return wait()
    try {
      stream.check()
      const taken = stream.take(TAKE)
      for (const { partition, records, nextOffset } of taken) {
        for (const record of records) {
          const change = readChange(record)
          if (over) return
          if (change) outlet.replay(change, { partition, offset: record.offset })
        }
        outlet.passed(partition, nextOffset)
      }
      if (outlet.handOver().length === 0) {
        stop()
        done()
      } else if (taken.length > 0) setImmediate(read)
    } catch (error) {
      stop()
      fail(error)
    }
  }

  outlet.onGone(() => {
    clearTimeout(stalled)
    stalled = undefined
    if (outlet.behind < READ_BELOW) read()
  })
  stream.onAvailable(read)
  setImmediate(read)
  return stop
}
