/**
 * The port to a database that holds rows, and PostgreSQL behind it.
 *
 *  R1. What is written is committed when `write` resolves, all of it or nothing.
 *  R2. The address that was judged is the one that is connected to (addressGuard.ts, G3), over TLS unless the document
 *      says otherwise.
 *  R3. A write ends within its timeout, at the server too: nothing of it runs on.
 */
import { Socket } from 'node:net'
import pg from 'pg'
import { guardedLookup, literalRefusal } from '../http/addressGuard.ts'
import type { Row } from './rows.ts'
import { probeStatement, statementsOf } from './statements.ts'

export interface RowTarget {
  /** Connections are pooled by it. */
  readonly destination: string
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  readonly table: string
  /** Undefined: not over TLS. */
  readonly tls: { readonly ca: string | undefined } | undefined
  readonly timeoutMs: number
  readonly allowPrivate: boolean
}

export interface RowStore {
  /** Rejects with the error of the connection, or one whose `code` is an SQLSTATE. */
  write(target: RowTarget, rows: readonly Row[]): Promise<void>
  /** Whether it could be written to; writes nothing. */
  probe(target: RowTarget): Promise<void>
  close(): Promise<void>
}

/** Statements of one destination at once from this process: its concurrency is in rows, and a statement takes hundreds. */
const MAX_CONNECTIONS = 4
const IDLE_MS = 30_000
/** The server ends a statement first; this is for one that is silent. */
const SILENCE_MS = 1_000

export function createPostgresRows(): RowStore {
  const pools = new Map<string, { readonly of: string; readonly pool: pg.Pool }>()

  function poolOf(target: RowTarget): pg.Pool {
    const of = JSON.stringify(target)
    const known = pools.get(target.destination)
    if (known?.of === of) return known.pool
    // Another address or password: what is under way may end.
    void known?.pool.end().catch(() => undefined)
    const pool = new pg.Pool({
      host: target.host,
      port: target.port,
      database: target.database,
      user: target.user,
      password: target.password,
      application_name: 'tributary-activation',
      max: MAX_CONNECTIONS,
      idleTimeoutMillis: IDLE_MS,
      connectionTimeoutMillis: target.timeoutMs,
      statement_timeout: target.timeoutMs,
      query_timeout: target.timeoutMs + SILENCE_MS,
      ssl: target.tls ? { ...(target.tls.ca && { ca: target.tls.ca }), host: target.host } : false,
      stream: () => guardedSocket(target.allowPrivate),
    })
    // A connection that breaks while nobody uses it: the next one is made anew.
    pool.on('error', () => undefined)
    pools.set(target.destination, { of, pool })
    return pool
  }

  async function on<T>(target: RowTarget, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const refused = literalRefusal(target.host, target.allowPrivate)
    if (refused !== undefined)
      throw Object.assign(new Error(`its address ${refused}`), { code: 'ADDRESS_REFUSED' })
    const client = await poolOf(target).connect()
    try {
      const result = await work(client)
      client.release()
      return result
    } catch (error) {
      // Whatever it was in the middle of goes with the connection.
      client.release(true)
      throw error
    }
  }

  return {
    write: (target, rows) =>
      on(target, async (client) => {
        const statements = statementsOf(target.table, rows)
        if (statements.length > 1) await client.query('BEGIN')
        // oxlint-disable-next-line no-await-in-loop -- one after the other, in one transaction
        for (const { text, values } of statements) await client.query(text, [...values])
        if (statements.length > 1) await client.query('COMMIT')
      }),
    probe: (target) =>
      on(target, async (client) => {
        await client.query(probeStatement(target.table))
      }),
    async close() {
      await Promise.all([...pools.values()].map(({ pool }) => pool.end()))
    },
  }
}

/** R2. */
function guardedSocket(allowPrivate: boolean): Socket {
  const socket = new Socket()
  const connect = socket.connect.bind(socket)
  const lookup = guardedLookup(allowPrivate)
  return Object.assign(socket, {
    connect: (port: number, host: string) => connect({ port, host, lookup }),
  })
}
