import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { topics } from '@tributary/contracts'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { canonicalJson, documentHash } from '@tributary/configuration'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-map-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, content: string | Buffer): void {
  writeFileSync(join(folder, name), content)
}

const workspace = 'kind: Workspace\nschema: tributary/v1\nid: maison\ntimeZone: UTC\nregion: FR\n'
const sources = `${workspace}---
kind: Source
id: web
http: { keys: [{ kind: client, value: wk_web_1 }] }
---
kind: Source
id: till
http: { keys: [{ kind: client, value: wk_till_1 }] }
map:
  event: { const: Order Completed }
  identifiers: { email: email }
  properties: { total: total }
---
kind: Source
id: events
kafka: { topic: ce.events, format: cloudevents }
---
kind: Source
id: customers
kafka: { topic: crm.customers, format: debezium, onDelete: unset }
map:
  type: { const: identify }
  identifiers: { user_id: id }
  traits: { plan: plan }
---
kind: Source
id: shopify
webhook: { scheme: shopify, secrets: [{ file: shopify }] }
map:
  event: __topic
  identifiers: { email: customer.email }
`

function tributary(door = new MemoryDoor()) {
  return commandLine({ door, cwd: folder, nowMs: Date.parse('2026-02-01T00:00:00Z') })
}

async function verdicts(source: string, file: string, content: string | Buffer, ...flags: string[]) {
  write('sources.yaml', sources)
  write(file, content)
  const ran = await tributary()(
    'map',
    'sources.yaml',
    '--source',
    source,
    '--sample',
    file,
    '--json',
    ...flags,
  )
  const lines = ran.out.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
  return { code: ran.code, lines: lines.slice(0, -1), end: lines.at(-1)! }
}

test('the example of the reference prints what the reference shows', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/reference/sources.md'), 'utf8')
  const section = page.slice(page.indexOf('## Trying a mapping'))
  const [yaml, sample, console] = ['yaml', 'ndjson', 'console'].map(
    (kind) => new RegExp(`\`\`\`${kind}\n([^]*?)\`\`\``).exec(section)![1]!,
  )
  write('shop.yaml', yaml!)
  write('receipts.ndjson', sample!)
  const [command, ...shown] = console!.trimEnd().split('\n')
  const { out, code } = await tributary()(...command!.replace('$ tributary ', '').split(' '))
  expect(out).toBe(shown.join('\n'))
  expect(code).toBe(2)
})

describe('each kind of source reads its lines as the collector does', () => {
  test('an upload of SDK events: all four times, and no id that only the collector could make', async () => {
    const line =
      '{"type":"track","event":"x","userId":9007199254740993,"originalTimestamp":"2026-01-31T23:00:00Z","sentAt":"2026-01-31T23:00:10Z"}'
    const { lines, end, code } = await verdicts('web', 'events.ndjson', `${line}\n`)
    expect(lines).toEqual([
      expect.objectContaining({
        line: 1,
        verdict: 'accepted',
        type: 'track',
        name: 'x',
        messageId: null,
        identifiers: [{ type: 'user_id', value: '9007199254740993' }],
        time: '2026-01-31T23:59:50.000Z',
        originalTime: '2026-01-31T23:00:00.000Z',
        sentTime: '2026-01-31T23:00:10.000Z',
        receivedTime: '2026-02-01T00:00:00.000Z',
        flags: [],
      }),
    ])
    expect(end).toEqual({ done: true, lines: 1, accepted: 1, rejected: 0, skipped: 0, refused: 0 })
    expect(code).toBe(0)
  })

  test('a CSV: rows below their header, with the message ids of a named upload', async () => {
    const { lines, code } = await verdicts(
      'till',
      'july.csv.gz',
      gzipSync('email,total\nada@example.com,12.5\n"x\nb@example.com,1,2\n'),
      '--upload',
      'july',
    )
    expect(lines).toMatchObject([
      {
        line: 2,
        verdict: 'accepted',
        messageId: expect.stringMatching(/^[0-9a-f]{32}$/),
        event: { properties: { total: '12.5' } },
      },
      { line: 3, verdict: 'rejected', code: 'invalid_row' },
      {
        line: 4,
        verdict: 'rejected',
        code: 'invalid_row',
        message: 'the row has 3 cells, the header names 2',
      },
    ])
    expect(code).toBe(2)
  })

  test('CloudEvents: structured as a value, binary as kcat prints the record with its headers', async () => {
    const structured = '{"specversion":"1.0","id":"1","source":"/shop","type":"paid","data":{"total":1}}'
    const first = await verdicts('events', 'a.ndjson', structured)
    expect(first.lines).toMatchObject([{ name: 'paid', messageId: '/shop#1' }])
    const binary = JSON.stringify({
      topic: 'ce.events',
      partition: 3,
      offset: 7,
      ts: 1_769_900_000_000,
      payload: '{"total":1}',
      key: null,
      headers: [
        'ce_specversion',
        '1.0',
        'ce_id',
        '2',
        'ce_source',
        '/shop',
        'ce_type',
        'paid',
        'ce_userid',
        'u1',
      ],
    })
    const second = await verdicts('events', 'b.ndjson', `${binary}\n{}`, '--format', 'kcat')
    expect(second.lines).toMatchObject([
      {
        name: 'paid',
        messageId: '/shop#2',
        identifiers: [{ value: 'u1' }],
        receivedTime: new Date(1_769_900_000_000).toISOString(),
      },
      { line: 2, verdict: 'refused', code: 'no_record' },
    ])
  })

  test('changes of a table: a row, a deletion that takes traits back, and what is left out is no finding', async () => {
    const change = (op: string, row: object | null) =>
      JSON.stringify({
        op,
        before: null,
        after: row,
        source: { connector: 'postgresql', table: 'customers', lsn: 1 },
      })
    const record = (payload: string | null) =>
      JSON.stringify({ topic: 'crm.customers', partition: 0, offset: 1, ts: 1, key: '{"id":"u1"}', payload })
    const { lines, code, end } = await verdicts(
      'customers',
      'rows.ndjson',
      [record(change('c', { id: 'u1', plan: 'pro' })), record(change('d', null)), record(null)].join('\n'),
      '--format',
      'kcat',
    )
    expect(lines).toMatchObject([
      { verdict: 'accepted', type: 'identify', event: { traits: { plan: 'pro' } } },
      {
        verdict: 'accepted',
        identifiers: [{ type: 'user_id', value: 'u1' }],
        event: { traits: { plan: null } },
      },
      { verdict: 'skipped', code: 'change_left_out' },
    ])
    expect(end).toMatchObject({ skipped: 1, rejected: 0 })
    expect(code).toBe(0)
  })

  test('deliveries of a webhook: what stands in its headers may stand in the line', async () => {
    const line = '{"__topic":"orders/paid","customer":{"email":"ada@example.com"}}'
    const { lines } = await verdicts('shopify', 'bodies.ndjson', line)
    expect(lines).toMatchObject([{ name: 'orders/paid', messageId: null, identifiers: [{ type: 'email' }] }])
  })
})

test('a line that is too large costs itself alone', async () => {
  const { lines } = await verdicts(
    'web',
    'big.ndjson',
    `${' {'.repeat(600_000)}\n{"type":"page","userId":"u1"}`,
  )
  expect(lines).toMatchObject([
    { line: 1, verdict: 'refused', code: 'line_too_large' },
    { line: 2, verdict: 'accepted' },
  ])
})

test('without a folder the revision in force says how a source is read', async () => {
  const document = { kind: 'Source', id: 'web', http: { keys: [{ kind: 'client', value: 'wk_web_1' }] } }
  const all = [{ kind: 'Workspace', id: 'shop', schema: 'tributary/v1', timeZone: 'UTC' }, document]
  const door = new MemoryDoor()
  const revision = Revision.fromPartial({
    revision: 1,
    documents: all.map((each) => ({
      kind: each.kind,
      id: each.id,
      managedBy: 'files',
      json: canonicalJson(each),
      hash: documentHash(each),
    })),
  })
  door.put(topics.config, 0, Revision.encode(revision).finish())
  write('a.ndjson', '{"type":"page","userId":"u1"}')
  expect((await tributary(door)('map', '--source', 'web', '--sample', 'a.ndjson')).out).toMatch(
    /1 line: 1 accepted$/,
  )
  expect((await tributary()('map', '--source', 'web', '--sample', 'a.ndjson')).err).toMatch(
    'no revision is in force',
  )
})

test.each([
  [['--source', 'wbe', '--sample', 'a.ndjson'], 'there is no source "wbe": did you mean `web`?'],
  [['--source', 'web', '--sample', 'nope'], 'nope cannot be read'],
  [['--source', 'web', '--sample', 'a.csv'], 'has no `map`'],
  [['--source', 'events', '--sample', 'a.csv'], 'takes no CSV'],
  [['--source', 'web', '--sample', 'a.ndjson', '--format', 'kcat'], 'reads no Kafka topic'],
  [['--source', 'till', '--sample', 'a.csv'], 'the header names "a" twice'],
  [['--source', 'till', '--sample', 'empty.csv'], 'there is no header'],
  [['--source', 'web', '--sample', 'cut.gz'], 'cut.gz cannot be read: unexpected end of file'],
  [['--source', 'web', '--sample', 'a.ndjson', '--received', 'soon'], 'It takes a time such as'],
])('%j is an error that says what to do', async (flags, sentence) => {
  write('sources.yaml', sources)
  write('a.ndjson', '{}')
  write('a.csv', 'a,a\n')
  write('empty.csv', '')
  write('cut.gz', gzipSync('{"type":"page"}\n'.repeat(50)).subarray(0, 30))
  const { code, err } = await tributary()('map', 'sources.yaml', ...flags)
  expect(err).toContain(sentence)
  expect(code).toBe(1)
})
