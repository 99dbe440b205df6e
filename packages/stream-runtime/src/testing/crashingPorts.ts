/**
 * A process that dies between any two of its effects: its ports, wrapped. What it had done stays done; what it had
 * not, never happens.
 */
import type { Membership, RuntimeLog, TransactionalSession } from '../ports/log.ts'
import type { StateStores } from '../ports/store.ts'
import { RuntimeFault } from '../runtimeFault.ts'

/** What happens at one effect. */
export type Mishap =
  | 'none'
  /** The process dies before the effect. */
  | 'die-before'
  /** The effect happens, then the process dies. */
  | 'die-after'
  /** The request is lost: nothing happens, the caller gets an error. */
  | 'lose-request'
  /** The effect happens, but the caller gets an error. */
  | 'lose-reply'

export interface CrashingPorts {
  readonly log: RuntimeLog
  readonly stores: StateStores
  /** Names of the effects so far, in order. */
  readonly effects: readonly string[]
  /** Resolves when the process has died. */
  readonly died: Promise<void>
  isDead(): boolean
  /** Kills the process from outside. */
  kill(): void
  /** Cuts the dead process's connections and has the group forget it, as it does when its session has ended. */
  forget(): Promise<void>
}

/** Never resolves: a dead process does not even fail. */
const never = new Promise<never>(() => {})

class ProcessDied extends Error {}

export function crashingPorts(
  ports: { readonly log: RuntimeLog; readonly stores: StateStores },
  mishapAt: (effect: string, count: number) => Mishap,
): CrashingPorts {
  const effects: string[] = []
  const memberships: Membership[] = []
  const sessions: TransactionalSession[] = []
  let dead = false
  let forgotten = false
  let announce = () => {}
  const died = new Promise<void>((resolve) => (announce = resolve))

  function die(): void {
    dead = true
    announce()
  }

  async function effect<T>(name: string, run: () => Promise<T>): Promise<T> {
    if (dead) return never
    effects.push(name)
    const mishap = mishapAt(name, effects.length)
    if (mishap === 'lose-request') throw new RuntimeFault('log-unavailable', `${name}: the request was lost`)
    if (mishap === 'die-before') {
      die()
      return never
    }
    const result = await run()
    if (mishap === 'lose-reply') throw new RuntimeFault('log-unavailable', `${name}: the reply was lost`)
    if (mishap === 'die-after') die()
    return dead ? never : result
  }

  /** The same for a chunk that has been read: true when the process dies at it. */
  function diesReading(): boolean {
    effects.push('read')
    const mishap = mishapAt('read', effects.length)
    if (mishap === 'lose-request' || mishap === 'lose-reply')
      throw new RuntimeFault('log-unavailable', 'read: the answer was lost')
    if (mishap !== 'none') die()
    return dead
  }

  /** The same for a call that cannot wait: a dying one throws, and the task finds all other doors closed. */
  function effectNow(name: string, run: () => void): void {
    if (dead) throw new ProcessDied()
    effects.push(name)
    const mishap = mishapAt(name, effects.length)
    if (mishap === 'die-before' || mishap === 'lose-request') die()
    else {
      run()
      if (mishap !== 'none') die()
    }
    if (dead) throw new ProcessDied()
  }

  function wrapSession(session: TransactionalSession): TransactionalSession {
    sessions.push(session)
    // Opened by a request that was on its way when the process died.
    if (forgotten) void session.discard()
    return {
      send: (records) => effect('send', () => session.send(records)),
      commit: () => effect('commit', () => session.commit()),
      discard: () => (dead ? Promise.resolve() : session.discard()),
    }
  }

  return {
    effects,
    died,
    isDead: () => dead,
    kill: die,
    async forget() {
      forgotten = true
      await Promise.all(memberships.map((membership) => membership.leave()))
      await Promise.all(sessions.map((session) => session.discard()))
    },
    log: {
      ...ports.log,
      async join(options) {
        const membership = await ports.log.join({
          ...options,
          onAssigned: (partitions) => void (dead || options.onAssigned(partitions)),
        })
        memberships.push(membership)
        return membership
      },
      openSession: (id) => effect('open', async () => wrapSession(await ports.log.openSession(id))),
      bounds: (topic, partition) => (dead ? never : ports.log.bounds(topic, partition)),
      async *read(topic, partition, from, until, signal) {
        // Left before it hangs for ever, so that what reads behind it is closed.
        for await (const chunk of ports.log.read(topic, partition, from, until, signal)) {
          if (dead || diesReading()) break
          yield chunk
        }
        if (dead) await never
      },
    },
    stores: {
      async open(name) {
        if (dead) return never
        const store = await ports.stores.open(name)
        return {
          ...store,
          write: (change) => effectNow('write', () => store.write(change)),
          wipe: () => effectNow('wipe', () => store.wipe()),
        }
      },
    },
  }
}
