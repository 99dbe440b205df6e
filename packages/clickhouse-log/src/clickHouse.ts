/**
 * A connection to ClickHouse, as little of it as the rest needs.
 *
 * Names of tables are always qualified and settings always stand in the statement, so that no answer depends on the
 * state of a session or on the defaults of a server's version.
 */
import { Readable } from 'node:stream'
import { ClickHouseLogLevel, type ResultSet, createClient } from '@clickhouse/client'
import { splitLongParams } from './splitLongParams.ts'

export interface ClickHouseConnection {
  readonly url: string
  readonly database: string
  readonly username?: string
  readonly password?: string
  /** PEM certificates of the authorities that sign the server. */
  readonly ca?: string
}

export interface RowBinaryInsert {
  readonly table: string
  readonly columns: readonly string[]
  /** The same token with the same rows counts once. */
  readonly token: string
  readonly rows: Uint8Array
}

export interface ClickHouse {
  readonly database: string
  /** Qualified and quoted. */
  table(name: string): string
  /**
   * Rows of a SELECT; 64-bit numbers come as text. A list may be as long as one likes; any other parameter has at most 128
   * KiB, a server's `http_max_field_value_size`.
   */
  query<T extends object>(sql: string, params?: Readonly<Record<string, unknown>>): Promise<T[]>
  /** The same for answers larger than memory: rows in lots, read no faster than they are taken. */
  stream<T extends object>(sql: string, params?: Readonly<Record<string, unknown>>): AsyncIterable<T[]>
  /** A statement without an answer. */
  command(sql: string): Promise<void>
  insertRowBinary(insert: RowBinaryInsert): Promise<void>
  ping(): Promise<void>
  close(): Promise<void>
}

/** How long a query may take, ms: longer than any of the audit on a large log should. */
const QUERY_TIMEOUT_MS = 300_000

/** How long an insert of some megabytes may take, ms, before its answer counts as lost and it is sent again. */
const INSERT_TIMEOUT_MS = 30_000

/** Inserts and queries at the same time of one process: one per partition would let an outage pile up sockets. */
const MAX_CONNECTIONS = 8

/** A streamed answer is sorted in the server's memory up to so many bytes, and on its disk beyond. */
const SORT_IN_MEMORY_BYTES = 256 * 1024 * 1024

/** Numbers of 64 bits as text: JSON's own would be rounded. */
const QUERY_SETTINGS = 'SETTINGS output_format_json_quote_64bit_integers = 1'

export function connectClickHouse(connection: ClickHouseConnection): ClickHouse {
  const client = createClient({
    url: connection.url,
    username: connection.username ?? 'default',
    password: connection.password ?? '',
    request_timeout: QUERY_TIMEOUT_MS,
    max_open_connections: MAX_CONNECTIONS,
    application: 'tributary',
    // In the address they would have to fit what the server, or a proxy before it, takes as a request line.
    use_multipart_params_auto: true,
    // Failures are answers here, and logged by who asked.
    log: { level: ClickHouseLogLevel.OFF },
    ...(connection.ca === undefined ? {} : { tls: { ca_cert: Buffer.from(connection.ca) } }),
  })
  const database = quoteIdentifier(connection.database)
  const table = (name: string): string => `${database}.${quoteIdentifier(name)}`
  const ask = async (
    sql: string,
    settings: string,
    given: Readonly<Record<string, unknown>>,
  ): Promise<ResultSet<'JSONEachRow'>> => {
    const question = splitLongParams({ sql, params: given })
    return client.query({
      query: `${question.sql}\n${settings}`,
      format: 'JSONEachRow',
      query_params: { ...question.params },
    })
  }

  return {
    database: connection.database,
    table,
    async query<T extends object>(sql: string, params: Readonly<Record<string, unknown>> = {}) {
      const result = await ask(sql, QUERY_SETTINGS, params)
      return await result.json<T>()
    },
    async *stream<T extends object>(sql: string, params: Readonly<Record<string, unknown>> = {}) {
      const settings = `${QUERY_SETTINGS}, max_bytes_before_external_sort = ${SORT_IN_MEMORY_BYTES}`
      const result = await ask(sql, settings, params)
      for await (const rows of result.stream<T>()) yield rows.map((row) => row.json<T>())
    },
    async command(sql) {
      await client.command({ query: sql })
    },
    async insertRowBinary(insert) {
      const columns = insert.columns.map(quoteIdentifier).join(', ')
      const query =
        `INSERT INTO ${table(insert.table)} (${columns}) SETTINGS async_insert = 0, insert_deduplicate = 1, ` +
        `insert_deduplication_token = ${quoteText(insert.token)} FORMAT RowBinary`
      const values = Readable.from([insert.rows], { objectMode: false })
      const result = await client.exec({
        query,
        values,
        abort_signal: AbortSignal.timeout(INSERT_TIMEOUT_MS),
      })
      // The answer is empty; the socket is free only once it has been read.
      result.stream.resume()
      await new Promise<void>((resolve, reject) => {
        result.stream.once('end', resolve)
        result.stream.once('close', resolve)
        result.stream.once('error', reject)
      })
    },
    async ping() {
      const result = await client.ping()
      if (!result.success) throw result.error
    },
    close: () => client.close(),
  }
}

export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}

export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
