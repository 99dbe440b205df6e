/** Watch: the changes of some or all profiles to one caller, until it leaves or is ended with a status. */
import { Metadata, type ServerWritableStream } from '@grpc/grpc-js'
import {
  type WatchRequest,
  type WatchResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { type Logger, type Refusal, refusalStatus, unavailable } from '@tributary/service-kit'
import { RuntimeFault, type RuntimeLog } from '@tributary/stream-runtime'
import { type Lookups } from '../findProfile.ts'
import { type BeginWatchPorts, beginWatch, expired } from './beginWatch.ts'
import { catchUp } from './catchUp.ts'
import { type ChangeFeed } from './changeFeed.ts'
import { WatchOutlet } from './watchOutlet.ts'
import { type Watchers } from './watchers.ts'

/** Readings of the topic beside the feed: each decodes all of it, so a few of them fill a core. */
const MAX_CATCHING_UP = 16
/** Time without a response after which one that asked for it is told how far it is, ms. */
const PROGRESS_MS = 10_000

export type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>

export interface WatchOptions {
  readonly log: Pick<RuntimeLog, 'bounds' | 'openInputs' | 'read'>
  readonly watchers: Watchers
  readonly feed: ChangeFeed
  readonly lookups: (call: WatchCall) => Lookups
  readonly idOf: (ref: Parameters<BeginWatchPorts['idOf']>[0], lookups: Lookups) => Promise<string>
  readonly partitionOf: (profileId: string) => number
  readonly logger: Logger
}

export function createWatch(options: WatchOptions): (call: WatchCall) => void {
  const { log, watchers, feed, logger } = options
  let catchingUp = 0

  async function watch(call: WatchCall): Promise<void> {
    let outlet: WatchOutlet | undefined
    const open = { watching: true, stop: [] as (() => void)[] }
    const stop = (): void => {
      if (!open.watching) return
      open.watching = false
      for (const each of open.stop) each()
    }
    const end = (error: unknown): void => {
      if (!open.watching) return
      stop()
      call.emit('error', refusalStatus(refusalOf(error), call.getPath(), logger))
    }
    for (const event of ['cancelled', 'close', 'error']) call.on(event, stop)
    try {
      await feed.open().catch((error: unknown) => {
        throw changesUnavailable(error)
      })
      open.stop.push(() => feed.close())
      // Before anything is looked up: a feed that breaks meanwhile ends this call too.
      open.stop.push(
        watchers.add({
          take: (change, place) => outlet?.follow(change, place),
          fail: (error) => end(changesUnavailable(error)),
        }),
      )
      const lookups = options.lookups(call)
      const { followed, offsets } = await beginWatch(call.request, {
        log,
        lookups,
        idOf: (ref) => options.idOf(ref, lookups),
        partitionOf: options.partitionOf,
        noted: [...feed.positions()],
      })
      if (!open.watching || call.cancelled) return stop()
      const write = (response: WatchResponse, gone: () => void): void => void call.write(response, gone)
      outlet = new WatchOutlet({ followed, offsets, feed: () => feed.positions(), write, end })
      // The caller now knows that what is committed from here on will come.
      call.sendMetadata(new Metadata())
      if (call.request.progress) open.stop.push(tellProgress(outlet))
      open.stop.push(readBehind(outlet, end))
    } catch (error) {
      end(error)
    }
  }

  function readBehind(outlet: WatchOutlet, end: (error: unknown) => void): () => void {
    if (outlet.handOver().length === 0) return () => {}
    if (catchingUp >= MAX_CATCHING_UP) throw unavailable('the reader of older changes')
    catchingUp++
    let counted = true
    const done = (): void => {
      if (counted) catchingUp--
      counted = false
    }
    const stopReading = catchUp({ log, outlet, done, fail: end })
    return () => {
      done()
      stopReading()
    }
  }

  function refusalOf(error: unknown): unknown {
    if (error instanceof RuntimeFault && error.code === 'position-before-log-start') return expired()
    return error instanceof RuntimeFault ? changesUnavailable(error) : error
  }

  function changesUnavailable(error: unknown): Refusal {
    logger.warn({ err: error }, 'the changes of the profiles cannot be read for those who watch')
    return unavailable('the reader of the changes')
  }

  return (call) => void watch(call)
}

function tellProgress(outlet: WatchOutlet): () => void {
  outlet.progress()
  let told = outlet.responses
  const timer = setInterval(() => {
    if (outlet.responses === told) outlet.progress()
    told = outlet.responses
  }, PROGRESS_MS)
  return () => clearInterval(timer)
}
