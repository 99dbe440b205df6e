import { status } from '@grpc/grpc-js'
import { topics } from '@tributary/contracts'
import { Refusal } from '@tributary/service-kit'
import { type InputStream, type RuntimeLog } from '@tributary/stream-runtime'
import { takeChanges } from './takeChanges.ts'
import { type WatchOutlet } from './watchOutlet.ts'

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
      const more = takeChanges(stream, {
        record(place, change) {
          if (!over && change) outlet.replay(change, place)
        },
        passed(partition, nextOffset) {
          if (!over) outlet.passed(partition, nextOffset)
        },
      })
      if (over) return
      if (outlet.handOver().length === 0) {
        stop()
        done()
      } else if (more) setImmediate(read)
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
