/** The ClickHouse front of deploy/local keeps the promises of a server, as the ordinary client sees them. */
import {
  ClickHouseLogLevel,
  createClient as createLoggingClient,
  type ClickHouseClient,
} from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync, gzipSync } from 'node:zlib'
import { startClickHouseFront, type ClickHouseProcess } from '../../../deploy/local/src/clickHouseProcess.ts'

let folder: string
let server: ClickHouseProcess
let client: ClickHouseClient

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-front-'))
  server = await startClickHouseFront({ dataDir: folder, logFile: join(folder, 'front.log') })
  client = createClient({ url: server.url, compression: { request: true, response: true } })
})

afterAll(async () => {
  await client.close()
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

/** The client's own log repeats the errors that these tests provoke on purpose. */
function createClient(options: Parameters<typeof createLoggingClient>[0]): ClickHouseClient {
  return createLoggingClient({ ...options, log: { level: ClickHouseLogLevel.OFF } })
}

async function rows<T>(query: string, parameters: Record<string, unknown> = {}): Promise<T[]> {
  const result = await client.query({ query, query_params: parameters, format: 'JSONEachRow' })
  return result.json<T>()
}

async function count(table: string): Promise<number> {
  const [row] = await rows<{ n: number }>(`SELECT toUInt32(count()) AS n FROM ${table}`)
  return row?.n ?? -1
}

describe('queries', () => {
  test('typed parameters arrive as they were given, quotes, backslashes, tabs and NUL included', async () => {
    const text = 'a\'b\\c\td\ne`"{x} \0 é 😀'
    const [row] = await rows<Record<string, unknown>>(
      'SELECT {text:String} AS text, length({text:String}) AS bytes, {list:Array(String)} AS list, {none:Nullable(String)} AS none, {big:UInt64} = 18446744073709551615 AS big, {when:DateTime64(3)} AS at, {map:Map(String, Int8)} AS map',
      {
        text,
        list: ["it's", 'back\\slash', 'tab\t'],
        none: null,
        big: '18446744073709551615',
        when: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678)),
        map: { a: 1 },
      },
    )
    expect(row).toEqual({
      text,
      bytes: Buffer.byteLength(text),
      list: ["it's", 'back\\slash', 'tab\t'],
      none: null,
      big: 1,
      at: '2026-01-02 03:04:05.678',
      map: { a: 1 },
    })
  })

  test('parameters too long for a URL arrive through the form the client sends', async () => {
    const list = Array.from({ length: 3000 }, (_, index) => `value-'${index}`)
    const result = await client.query({
      query: 'SELECT length({list:Array(String)}) AS n, {list:Array(String)}[3000] AS last',
      query_params: { list },
      format: 'JSONEachRow',
      use_multipart_params: true,
    })
    const [row] = await result.json<{ n: unknown; last: string }>()
    expect(Number(row?.n)).toBe(3000)
    expect(row?.last).toBe("value-'2999")
  })

  test('queries with parameters run side by side and keep their own values', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => rows<{ v: number }>('SELECT {v:UInt32} AS v', { v: index })),
    )
    expect(answers.map(([row]) => row?.v)).toEqual(Array.from({ length: 60 }, (_, index) => index))
  })

  test('settings and the database are of one request only', async () => {
    await client.command({ query: 'CREATE DATABASE other' })
    const other = createClient({ url: server.url, database: 'other' })
    const quoted = await other.query({
      query: 'SELECT currentDatabase() AS db, toUInt64(18446744073709551615) AS big',
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
    })
    expect(await quoted.json()).toEqual([{ db: 'other', big: '18446744073709551615' }])
    const plain = await client.query({
      query: 'SELECT currentDatabase() AS db, toUInt64(18446744073709551615) AS big',
      format: 'JSONEachRow',
    })
    expect((await plain.text()).trim()).toBe('{"db":"default","big":18446744073709551615}')
    await other.close()
  })

  test('a session keeps its temporary tables, and a setting of one of its requests is gone in the next', async () => {
    const session = createClient({ url: server.url, session_id: 'one' })
    await session.command({ query: 'CREATE TEMPORARY TABLE kept (a Int8)' })
    await session.command({ query: 'INSERT INTO kept VALUES (7)', clickhouse_settings: { max_threads: 1 } })
    const result = await session.query({
      query:
        "SELECT a, (SELECT changed FROM system.settings WHERE name = 'max_threads') AS changed FROM kept",
      format: 'JSONEachRow',
    })
    expect(await result.json()).toEqual([{ a: 7, changed: 0 }])
    await session.close()
    await expect(count('kept')).rejects.toMatchObject({ code: '60' })
  })

  test('a long result comes in pieces, and every row of it once', async () => {
    const result = await client.query({
      query: 'SELECT number FROM numbers(500000)',
      format: 'JSONEachRow',
    })
    let seen = 0
    let sum = 0
    for await (const batch of result.stream<{ number: number }>()) {
      for (const row of batch) {
        seen++
        sum += row.json().number
      }
    }
    expect([seen, sum]).toEqual([500_000, (499_999 * 500_000) / 2])
  })

  test('formats with a head or a frame stay one document', async () => {
    const result = await client.query({ query: 'SELECT number FROM numbers(200000)', format: 'JSON' })
    const document = await result.json<{ number: string }>()
    expect(document.rows).toBe(200_000)
    expect(document.data).toHaveLength(200_000)
    const named = await client.query({ query: 'SELECT number FROM numbers(200000)', format: 'CSVWithNames' })
    expect((await named.text()).match(/number/g)).toHaveLength(1)
  })

  test('the query may be in the URL, in the body, or in both', async () => {
    const inUrl = await fetch(`${server.url}/?query=${encodeURIComponent('SELECT 1 + 1')}`)
    const inBody = await fetch(server.url, { method: 'POST', body: 'SELECT 1 + 2' })
    const inBoth = await fetch(`${server.url}/?query=SELECT`, { method: 'POST', body: '1 + 3 FORMAT CSV' })
    expect(await Promise.all([inUrl.text(), inBody.text(), inBoth.text()])).toEqual(['2\n', '3\n', '4\n'])
    expect(inBody.headers.get('x-clickhouse-format')).toBe('TabSeparated')
  })

  test('a GET cannot change anything', async () => {
    const answer = await fetch(`${server.url}/?query=${encodeURIComponent('CREATE DATABASE by_get')}`)
    expect([answer.status, answer.headers.get('x-clickhouse-exception-code')]).toEqual([500, '164'])
  })

  test('gzip goes out when the client accepts it', async () => {
    const answer = await fetch(`${server.url}/?enable_http_compression=1`, {
      method: 'POST',
      headers: { 'accept-encoding': 'gzip', 'content-encoding': 'gzip' },
      body: gzipSync("SELECT repeat('x', 10000)"),
    })
    expect(answer.headers.get('content-encoding')).toBe('gzip')
    expect((await answer.text()).trim()).toBe('x'.repeat(10_000))
    expect(gunzipSync(gzipSync('x')).toString()).toBe('x')
  })
})

describe('errors', () => {
  test('have the code and the type of the engine', async () => {
    await expect(rows('SELECT * FROM nope')).rejects.toMatchObject({ code: '60', type: 'UNKNOWN_TABLE' })
    await expect(rows('SELEC 1')).rejects.toMatchObject({ code: '62', type: 'SYNTAX_ERROR' })
    await expect(
      client.command({ query: 'SELECT 1', clickhouse_settings: { nosuch: 1 } }),
    ).rejects.toMatchObject({
      code: '115',
    })
    const lost = createClient({ url: server.url, database: 'nosuch' })
    await expect(lost.command({ query: 'SELECT 1' })).rejects.toMatchObject({
      code: '81',
      type: 'UNKNOWN_DATABASE',
    })
    await lost.close()
  })

  test('two statements in one request are refused, as on a server', async () => {
    await expect(client.command({ query: 'CREATE DATABASE a1; CREATE DATABASE a2' })).rejects.toMatchObject({
      code: '62',
    })
    const [row] = await rows<{ n: unknown }>(
      "SELECT count() AS n FROM system.databases WHERE name IN ('a1', 'a2')",
    )
    expect(Number(row?.n)).toBe(0)
  })

  test('an error after the first rows reaches the reader instead of a short result', async () => {
    for (const compressed of [false, true]) {
      const reader = createClient({ url: server.url, compression: { response: compressed } })
      const result = await reader.query({
        query: 'SELECT number, throwIf(number = 400000) AS x FROM numbers(500000)',
        format: 'JSONEachRow',
        clickhouse_settings: { max_block_size: '10000' },
      })
      await expect(
        (async () => {
          for await (const batch of result.stream()) expect(batch.length).toBeGreaterThan(0)
        })(),
      ).rejects.toMatchObject({ code: '395' })
      await reader.close()
    }
  })

  test('wait_end_of_query gives such an error its own status', async () => {
    await expect(
      client.query({
        query: 'SELECT throwIf(number = 400000) FROM numbers(500000)',
        format: 'JSONEachRow',
        clickhouse_settings: { wait_end_of_query: 1 },
      }),
    ).rejects.toMatchObject({ code: '395' })
  })
})

describe('inserts', () => {
  test('JSONEachRow rows stream in, and the summary counts them', async () => {
    await client.command({
      query: 'CREATE TABLE streamed (a UInt64, b String) ENGINE = MergeTree ORDER BY a',
    })
    const source = Readable.from(
      (function* () {
        for (let a = 0; a < 50_000; a++) yield { a, b: `row "${a}" \\ ' \t` }
      })(),
    )
    const result = await client.insert({
      table: 'streamed',
      values: source,
      format: 'JSONEachRow',
      columns: ['a', 'b'],
    })
    expect(result.summary?.written_rows).toBe('50000')
    expect(await count('streamed')).toBe(50_000)
    expect(await rows('SELECT b FROM streamed WHERE a = 4711')).toEqual([{ b: 'row "4711" \\ \' \t' }])
  })

  test('RowBinary bytes arrive unchanged, NUL and invalid UTF-8 included', async () => {
    await client.command({ query: 'CREATE TABLE binary (a UInt64, b String) ENGINE = MergeTree ORDER BY a' })
    const payload = Buffer.from([0x00, 0xff, 0xfe, 0x0a, 0x27, 0x5c, 0x09])
    const row = Buffer.concat([
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, payload.length]),
      payload,
    ])
    await client.exec({
      query: 'INSERT INTO binary FORMAT RowBinary',
      values: Readable.from([row, row.subarray(0, 3), row.subarray(3)], { objectMode: false }),
    })
    const [read] = await rows<{ n: number; a: number; b: string }>(
      'SELECT toUInt8(count()) AS n, any(a) = 18446744073709551615 AS a, any(hex(b)) AS b FROM binary',
    )
    expect(read).toEqual({ n: 2, a: 1, b: payload.toString('hex').toUpperCase() })
  })

  test('64-bit integers keep every digit, quoted or not', async () => {
    await client.command({ query: 'CREATE TABLE wide (u UInt64, i Int64) ENGINE = MergeTree ORDER BY u' })
    await client.insert({
      table: 'wide',
      format: 'JSONEachRow',
      values: [{ u: '18446744073709551615', i: '-9223372036854775808' }],
    })
    await fetch(`${server.url}/?query=${encodeURIComponent('INSERT INTO wide FORMAT JSONEachRow')}`, {
      method: 'POST',
      body: '{"u":9007199254740993,"i":9007199254740993}',
    })
    const result = await client.query({
      query: 'SELECT u, i FROM wide ORDER BY u',
      format: 'JSONCompactEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
    })
    expect(await result.json()).toEqual([
      ['9007199254740993', '9007199254740993'],
      ['18446744073709551615', '-9223372036854775808'],
    ])
  })

  test('the same deduplication token is taken once, another one again', async () => {
    await client.command({
      query:
        'CREATE TABLE once (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100',
    })
    const insert = (token: string) =>
      client.insert({
        table: 'once',
        values: [{ a: 1 }, { a: 2 }],
        format: 'JSONEachRow',
        clickhouse_settings: { insert_deduplication_token: token, async_insert: 0 },
      })
    await insert('v1:events:0:0-1')
    await insert('v1:events:0:0-1')
    expect(await count('once')).toBe(2)
    await insert('v1:events:0:2-3')
    expect(await count('once')).toBe(4)
  })

  test('concurrent inserts and queries all come through', async () => {
    await client.command({
      query: 'CREATE TABLE busy (w UInt32, a UInt32) ENGINE = MergeTree ORDER BY (w, a)',
    })
    const writers = Array.from({ length: 20 }, (_, w) =>
      client.insert({
        table: 'busy',
        values: Array.from({ length: 1000 }, (_unused, a) => ({ w, a })),
        format: 'JSONEachRow',
      }),
    )
    const readers = Array.from({ length: 20 }, () => count('busy'))
    await Promise.all([...writers, ...readers])
    expect(await count('busy')).toBe(20_000)
    expect(await rows('SELECT toUInt32(uniqExact(w, a)) AS n FROM busy')).toEqual([{ n: 20_000 }])
  })

  test('a bad row fails the insert with its code and leaves nothing behind', async () => {
    await client.command({ query: 'CREATE TABLE strict (a UInt8) ENGINE = MergeTree ORDER BY a' })
    await expect(
      client.insert({ table: 'strict', values: [{ a: 1 }, { a: 'x' }], format: 'JSONEachRow' }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^(27|72|6)$/) })
    expect(await count('strict')).toBe(0)
  })

  test('an insert with nothing in it is no error, and one whose client goes away leaves nothing', async () => {
    await client.command({ query: 'CREATE TABLE empty (a UInt32) ENGINE = MergeTree ORDER BY a' })
    await client.insert({ table: 'empty', values: [], format: 'JSONEachRow' })
    const query = encodeURIComponent('INSERT INTO empty FORMAT JSONEachRow')
    const sending = request(`${server.url}/?query=${query}`, { method: 'POST' })
    const gone = once(sending, 'error')
    for (let a = 0; a < 1000; a++) sending.write(`{"a":${a}}\n`)
    await new Promise((resolve) => setTimeout(resolve, 50))
    sending.destroy(new Error('gone'))
    await gone
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await count('empty')).toBe(0)
  })

  test('rows inline in the body go in, whatever is in them', async () => {
    await client.command({ query: 'CREATE TABLE inline (a UInt8, b String) ENGINE = MergeTree ORDER BY a' })
    await fetch(server.url, {
      method: 'POST',
      body: "INSERT INTO inline (a, b) VALUES (1, 'é;x'), (2, 'it''s')",
    })
    await fetch(server.url, { method: 'POST', body: 'INSERT INTO inline FORMAT TSV\n3\tü;\n' })
    expect(await rows('SELECT b FROM inline ORDER BY a')).toEqual([{ b: 'é;x' }, { b: "it's" }, { b: 'ü;' }])
  })
})

describe('the process', () => {
  test('ping answers at once while long queries fill the engine', async () => {
    const long = Array.from({ length: 4 }, () => rows('SELECT max(sipHash64(number)) FROM numbers(60000000)'))
    await new Promise((resolve) => setTimeout(resolve, 100))
    const started = performance.now()
    expect(await client.ping()).toEqual({ success: true })
    expect(performance.now() - started).toBeLessThan(500)
    await Promise.all(long)
  })

  test('a wrong password is refused when one is set', async () => {
    const locked = await startClickHouseFront({
      dataDir: join(folder, 'locked'),
      logFile: join(folder, 'locked.log'),
      credentials: { user: 'tributary', password: 's3cret' },
    })
    try {
      const right = createClient({ url: locked.url, username: 'tributary', password: 's3cret' })
      const wrong = createClient({ url: locked.url, username: 'tributary', password: 'other' })
      await right.command({ query: 'SELECT 1' })
      await expect(wrong.command({ query: 'SELECT 1' })).rejects.toMatchObject({ code: '516' })
      await Promise.all([right.close(), wrong.close()])
    } finally {
      await locked.stop()
    }
  })

  test('what was acknowledged survives kill -9 in the middle of inserts, and tokens still count', async () => {
    const dataDir = join(folder, 'killed')
    const logFile = join(folder, 'killed.log')
    let victim = await startClickHouseFront({ dataDir, logFile })
    const setup = createClient({ url: victim.url })
    await setup.command({ query: 'CREATE DATABASE kept' })
    await setup.command({
      query:
        'CREATE TABLE kept.log (batch UInt32, a UInt32) ENGINE = MergeTree ORDER BY (batch, a) SETTINGS non_replicated_deduplication_window = 1000',
    })
    await setup.close()
    const acknowledged = new Set<number>()
    let next = 0
    for (let round = 0; round < 3; round++) {
      const writer = createClient({ url: victim.url })
      const open: Promise<void>[] = []
      const from = Math.max(0, next - 5)
      for (let batch = from; batch < from + 40; batch++) {
        const values = Array.from({ length: 500 }, (_, a) => ({ batch, a }))
        open.push(
          writer
            .insert({
              table: 'kept.log',
              values,
              format: 'JSONEachRow',
              clickhouse_settings: { insert_deduplication_token: `b${batch}` },
            })
            .then(
              () => void acknowledged.add(batch),
              () => undefined,
            ),
        )
      }
      next = from + 40
      await new Promise((resolve) => setTimeout(resolve, 30))
      await victim.kill()
      await Promise.all(open)
      await writer.close()
      victim = await startClickHouseFront({ dataDir, logFile })
    }
    const reader = createClient({ url: victim.url })
    const result = await reader.query({
      query: 'SELECT batch, toUInt32(count()) AS n, toUInt32(uniqExact(a)) AS u FROM kept.log GROUP BY batch',
      format: 'JSONEachRow',
    })
    const found = await result.json<{ batch: number; n: number; u: number }>()
    await reader.close()
    await victim.stop()
    expect(found.filter(({ n, u }) => n !== 500 || u !== 500)).toEqual([])
    const present = new Set(found.map(({ batch }) => batch))
    expect([...acknowledged].filter((batch) => !present.has(batch))).toEqual([])
  })
})
