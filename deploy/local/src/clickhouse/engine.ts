/**
 * The ClickHouse engine in this process (npm chdb), as a set of connections to one data folder.
 *
 * 1. One connection per request or session: database, settings and parameters are a connection's own, so requests
 *    run side by side and cannot see each other's. Opening one takes 0.4 ms.
 * 2. The event loop never waits for the engine: every call runs on a thread of libuv's pool. `maxConcurrent` stays
 *    below the pool's size, or the front's own file and socket work would starve behind long queries.
 * 3. A connection is closed only when nothing runs on it: the engine does not survive otherwise.
 */
import { Session } from 'chdb'

export interface EngineResult {
  bytes: Uint8Array
  rowsRead: number
  bytesRead: number
  elapsedNs: number
}

export interface EngineConnection {
  run(sql: string, format: string): Promise<EngineResult>
  /** Chunks of a result in a format whose output is only rows; the first `next` says if the query is any good. */
  stream(sql: string, format: string): AsyncGenerator<Uint8Array, void, void>
  close(): void
}

export interface Engine {
  connect(): EngineConnection
  /** Waits for what runs, then releases the data folder. */
  close(): Promise<void>
}

export interface EngineOptions {
  path: string
  /** Calls into the engine at the same time; more wait in order. */
  maxConcurrent: number
}

export function openEngine({ path, maxConcurrent }: EngineOptions): Engine {
  const slots = createSlots(maxConcurrent)
  // Kept open for the whole life: the first connection loads the tables, the last one to close unloads them.
  const keeper = new Session(path)

  function connect(): EngineConnection {
    const session = new Session(path)
    return {
      run: (sql, format) =>
        slots.use(async () => {
          const result = await session.queryAsync(sql, { format })
          return {
            bytes: result.bytes(),
            rowsRead: result.rowsRead,
            bytesRead: result.bytesRead,
            elapsedNs: Math.round(result.elapsed * 1e9),
          }
        }),
      async *stream(sql, format) {
        const chunks = session.queryStream(sql, { format })
        const iterator = chunks[Symbol.asyncIterator]()
        try {
          for (;;) {
            const next = await slots.use(() => iterator.next())
            if (next.done) return
            yield next.value.raw()
          }
        } finally {
          await iterator.return?.()
        }
      },
      close: () => session.close(),
    }
  }

  return {
    connect,
    async close() {
      await slots.idle()
      keeper.close()
    },
  }
}

interface Slots {
  use<T>(work: () => Promise<T>): Promise<T>
  idle(): Promise<void>
}

function createSlots(size: number): Slots {
  let used = 0
  const waiting: (() => void)[] = []
  const idling: (() => void)[] = []
  return {
    async use(work) {
      if (used >= size) await new Promise<void>((resolve) => waiting.push(resolve))
      else used++
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else if (--used === 0) for (const done of idling.splice(0)) done()
      }
    },
    idle: () => (used === 0 ? Promise.resolve() : new Promise((resolve) => idling.push(resolve))),
  }
}
