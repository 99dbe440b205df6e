/** Ports of a process with a guard of the runtime taken away. */
import type {
  LogRecord,
  SentTo,
  StateStore,
  StoreName,
  TransactionalSession,
} from '@tributary/stream-runtime'
import { replayChangeLog } from '../../packages/stream-runtime/src/replayChangeLog.ts'
import type { ProcessPorts } from './processPorts.ts'

const META_KEY = '!meta'

interface Meta {
  readonly positions: Readonly<Record<string, number>>
  readonly sequences: Readonly<Record<string, number>>
}

export function wrapSessions(
  ports: ProcessPorts,
  wrap: (session: TransactionalSession, id: string) => TransactionalSession,
): ProcessPorts {
  const openSession = async (id: string) => wrap(await ports.log.openSession(id), id)
  return { ...ports, log: { ...ports.log, openSession } }
}

export function wrapStores(
  ports: ProcessPorts,
  wrap: (store: StateStore, name: StoreName) => StateStore,
): ProcessPorts {
  return { ...ports, stores: { open: async (name) => wrap(await ports.stores.open(name), name) } }
}

/** A task that reads its meta finds this instead. */
export function metaWith(ports: ProcessPorts, change: (meta: Meta, name: StoreName) => Meta): ProcessPorts {
  return wrapStores(ports, (store, name) => ({
    ...store,
    get(key) {
      const bytes = store.get(key)
      if (key !== META_KEY || bytes === undefined) return bytes
      return Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(bytes).toString()) as Meta, name)))
    },
  }))
}

/** What lies below the position looks as if it lay there. */
export function ignoringPositions(ports: ProcessPorts): ProcessPorts {
  return {
    ...ports,
    log: {
      ...ports.log,
      openInputs(positions) {
        const stream = ports.log.openInputs(positions)
        const positionOf = new Map(positions.map(({ topic, offset }) => [topic.name, offset]))
        return {
          ...stream,
          take: (limits) =>
            stream.take(limits).map((taken) => ({
              ...taken,
              records: taken.records.map((record) => ({
                ...record,
                offset: Math.max(record.offset, positionOf.get(taken.topic.name) ?? 0),
              })),
            })),
        }
      },
    },
  }
}

/** The store is written with what is sent, before it is committed. */
export function writingBeforeCommit(ports: ProcessPorts): ProcessPorts {
  const stores = new Map<string, StateStore>()
  const kept = wrapStores(ports, (store, { group, partition }) => {
    stores.set(`${group}.${partition}`, store)
    return store
  })
  return wrapSessions(kept, (session, id) => ({
    ...session,
    async send(records) {
      const sent = await session.send(records)
      const store = stores.get(id)
      if (store) writeSent(store, records, sent)
      return sent
    },
  }))
}

function writeSent(store: StateStore, records: readonly LogRecord[], sent: readonly SentTo[]): void {
  const meta = records.find(({ key }) => key === META_KEY)
  if (!meta) return
  for (const { topic, partition, lastOffset } of sent) {
    if (!store.ends().has(topic.name)) continue
    const own = records
      .filter((record) => record.topic.name === topic.name && record.partition === partition)
      .map(({ key, value }) => ({
        key: key === null ? null : Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
      }))
    for (const piece of replayChangeLog(topic, meta.topic, own))
      store.write({ ...piece, ends: new Map([[topic.name, lastOffset + 1]]), asOfMs: store.asOfMs() ?? 0 })
  }
}
