/**
 * What one process sees of log and stores: every effect takes its time, may be lost on the way there or back, may come
 * late, and may be the last thing the process ever did.
 */
import {
  type LogRecord,
  type RuntimeLog,
  RuntimeFault,
  type SentTo,
  type StateStore,
  type StateStores,
  type TransactionalSession,
} from '@tributary/stream-runtime'
import type { Random } from '../demo/random.ts'
import type { Coordinator } from './coordinator.ts'
import { openSimulatedInputs } from './simulatedInputs.ts'
import type { LogSession, SimulatedLog } from './simulatedLog.ts'
import { ProcessDied, type SimulatedProcess, never } from './simulatedProcess.ts'

/** What happens at one effect. */
export type Mishap =
  | 'none'
  /** The process dies before the effect. */
  | 'die-before'
  /** The effect happens, then the process dies. */
  | 'die-after'
  /** Nothing happens, the caller gets an error. */
  | 'lose-request'
  /** The effect happens, but the caller gets an error. */
  | 'lose-reply'
  /** The caller gets an error, and the request arrives later all the same. */
  | 'late'

export type EffectName = 'open' | 'send' | 'commit' | 'read' | 'write' | 'wipe' | 'produce'

export interface Weather {
  readonly random: Random
  mishap(effect: EffectName, process: SimulatedProcess): Mishap
  /** How long an answer takes, ms. */
  latencyMs(): number
  /** How far below its position a first fetch begins, offsets: a broker sends whole record batches. */
  fetchedBelow(): number
  /** What the network still does after so many ms, whoever sent it. */
  later(ms: number, run: () => void): void
  trace?: ((line: string) => void) | undefined
}

export interface ProcessPorts {
  readonly log: RuntimeLog
  readonly stores: StateStores
  /** A plain producer of this process: resolves when the record is durable. */
  produce(run: () => void): Promise<void>
}

export function createProcessPorts(options: {
  readonly process: SimulatedProcess
  readonly log: SimulatedLog
  readonly coordinator: Coordinator
  /** The disk of the node: outlives the process. */
  readonly disk: StateStores
  readonly weather: Weather
}): ProcessPorts {
  const { process, log, coordinator, disk, weather } = options

  function observed(name: EffectName, what: string): Mishap {
    const mishap = weather.mishap(name, process)
    if (mishap !== 'none') weather.trace?.(`${process.name} ${what}: ${mishap}`)
    return mishap
  }

  async function effect<T>(name: EffectName, what: string, run: () => T): Promise<T> {
    await process.clock.sleep(weather.latencyMs())
    await process.running()
    const mishap = observed(name, what)
    if (mishap === 'lose-request') throw lost(what, 'request')
    if (mishap === 'late') {
      // The network keeps it, not the process: it arrives also when that is dead by then.
      weather.later(weather.random.between(1, 400), () => quietly(run))
      throw lost(what, 'request for now')
    }
    if (mishap === 'die-before') {
      process.kill()
      return never
    }
    const result = run()
    if (mishap === 'die-after') process.kill()
    if (weather.random.chance(0.3)) await process.clock.sleep(weather.latencyMs())
    await process.running()
    if (mishap === 'lose-reply') throw lost(what, 'reply')
    return result
  }

  /** The same for a call that cannot wait: a dying one throws, and the task finds all other doors closed. */
  function effectNow(name: EffectName, what: string, run: () => void): void {
    if (process.isDead) throw new ProcessDied()
    const mishap = observed(name, what)
    if (mishap === 'die-before' || mishap === 'lose-request' || mishap === 'late') process.kill()
    else {
      run()
      if (mishap !== 'none') process.kill()
    }
    if (process.isDead) throw new ProcessDied()
  }

  function wrapSession(id: string, session: LogSession): TransactionalSession {
    return {
      send: (records) => sendInPieces(id, session, records),
      commit: () => effect('commit', `${id} commit`, () => session.commit()),
      discard: () => process.running(),
    }
  }

  /** A large batch is several requests, and any of them may be the last. */
  async function sendInPieces(
    id: string,
    session: LogSession,
    records: readonly LogRecord[],
  ): Promise<readonly SentTo[]> {
    const cut = weather.random.chance(0.4) ? weather.random.between(1, records.length) : records.length
    const sent = new Map<string, SentTo>()
    for (const piece of [records.slice(0, cut), records.slice(cut)]) {
      if (piece.length === 0) continue
      // oxlint-disable-next-line no-await-in-loop -- one after the other, as the log keeps their order
      for (const each of await effect('send', `${id} send`, () => session.send(piece)))
        sent.set(`${each.topic.name}/${each.partition}`, each)
    }
    return [...sent.values()]
  }

  function wrapStore(id: string, store: StateStore): StateStore {
    return {
      ...store,
      write: (change) => effectNow('write', `${id} write`, () => store.write(change)),
      wipe: () => effectNow('wipe', `${id} wipe`, () => store.wipe()),
      close: () => process.running().then(() => store.close()),
    }
  }

  return {
    log: {
      openSession: (id) =>
        effect('open', `${id} open`, () => log.openSession(id)).then((session) => wrapSession(id, session)),
      bounds: (topic, partition) =>
        effect('read', `bounds of ${topic.name}/${partition}`, () => ({
          start: 0,
          end: log.end(topic, partition),
          committedEnd: log.stableEnd(topic, partition),
        })),
      async *read(topic, partition, from, until) {
        for (let offset = from; offset < until;) {
          const chunk = await effect('read', `read ${topic.name}/${partition}`, () => {
            const to = Math.min(
              offset + weather.random.between(1, 60),
              log.stableEnd(topic, partition),
              until,
            )
            return { records: log.read(topic, partition, offset, to), nextOffset: Math.max(offset, to) }
          })
          if (chunk.nextOffset > offset) yield chunk
          offset = chunk.nextOffset
        }
      },
      openInputs: (positions) => openSimulatedInputs({ positions, log, process, weather }),
      join: (membership) => coordinator.join(membership, process),
    },
    stores: {
      async open(name) {
        await process.running()
        return wrapStore(`${name.group}.${name.partition}`, await disk.open(name))
      },
    },
    produce: (run) => effect('produce', 'produce', run),
  }
}

function lost(what: string, which: string): RuntimeFault {
  return new RuntimeFault('log-unavailable', `${what}: the ${which} was lost`)
}

function quietly(run: () => unknown): void {
  try {
    run()
  } catch {
    // Refused: nobody waits for the answer.
  }
}
