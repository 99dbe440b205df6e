/** The tributary command against a real Kafka and a real ClickHouse: topics, revisions, migrations. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'

const main = fileURLToPath(new URL('../../../packages/cli/src/main.ts', import.meta.url))
const prefix = uniquePrefix('cli')
let folder: string

interface Result {
  code: number | null
  out: string
  err: string
}

function tributary(...args: string[]): Promise<Result> {
  const stack = testStack()
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=tributary-source', main, ...args], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        KAFKA_BROKERS: stack.brokers,
        CLICKHOUSE_URL: stack.clickhouseUrl,
        CLICKHOUSE_DATABASE: prefix,
        TOPIC_PREFIX: prefix,
        KAFKA_REPLICATION_FACTOR: '1',
        KAFKA_MIN_ISR: '1',
        IDENTIFIER_PARTITIONS: '2',
        PROFILE_PARTITIONS: '2',
        DELIVERY_PARTITIONS: '1',
      },
    })
    const result = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (result.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (result.err += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...result }))
  })
}

function write(name: string, ...traits: string[]): string {
  const documents = [
    'kind: Workspace\nschema: tributary/v1\nid: maison\ntimeZone: Europe/Paris\n',
    ...traits.map((id) => `kind: Trait\nid: ${id}\ncount: {event: Order Completed}\n`),
  ]
  writeFileSync(join(folder, name), documents.join('---\n'))
  return name
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('an installation from nothing', () => {
  test('before the topics are there, check finds it and every command says what to do', async () => {
    const checked = await tributary('topics', 'check')
    expect(checked.code).toBe(2)
    expect(checked.out).toMatch(`topic ${prefix}.profiles.v1 does not exist`)
    expect(await tributary('apply', write('a.yaml'))).toMatchObject({
      code: 1,
      err: `error: the topic ${prefix}.internal.config.v1 does not exist; create the topics with \`tributary topics create\`\n`,
    })
  })

  test('topics are created once, with the right settings', async () => {
    expect((await tributary('topics', 'create')).out).toMatch(/topics created, 0 were there\n$/)
    expect(await tributary('topics', 'create')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^0 topics created/),
    })
    expect(await tributary('topics', 'check')).toMatchObject({ code: 0 })
  })

  test('the ledger cannot be judged before there are tables, and it says how to make them', async () => {
    expect(await tributary('audit', '--log-only')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: database \S+ lacks 0001_events.*: run `tributary migrate`\n$/),
    })
  })

  test('migrations are applied once, and doctor has nothing to mend but what is not there', async () => {
    expect((await tributary('migrate')).out).toMatch(/^applied 0001_/)
    expect((await tributary('migrate')).out).toMatch(/^0 migrations applied/)
    const doctor = await tributary('doctor', '--json')
    const wrong = (JSON.parse(doctor.out) as { area: string; state: string }[]).filter(
      (each) => each.state === 'wrong',
    )
    expect({ code: doctor.code, wrong: wrong.map((each) => each.area) }).toEqual({
      code: 2,
      wrong: ['configuration'],
    })
  })
})

test('the ledger of an empty event log balances, with and without Kafka', async () => {
  for (const flags of [[], ['--log-only']]) {
    const audited = await tributary('audit', ...flags)
    expect({ code: audited.code, out: audited.out, err: audited.err }).toEqual({
      code: 0,
      out: expect.stringMatching(/^ledger: received 0 = events 0 \+ rejected 0 .* balances\n$/m),
      err: '',
    })
  }
  expect(JSON.parse((await tributary('audit', '--json')).out)).toMatchObject({ balanced: true, findings: [] })
})

describe('revisions', () => {
  test('plan, apply, history and rollback see one chain', async () => {
    expect(await tributary('plan', write('a.yaml', 'orders'))).toMatchObject({ code: 2 })
    expect((await tributary('apply', 'a.yaml', '-m', 'first')).out).toMatch(/applied as revision 1\n$/)
    expect(await tributary('plan', 'a.yaml')).toMatchObject({ code: 0 })
    expect((await tributary('apply', write('b.yaml', 'orders', 'visits'))).out).toMatch(
      /applied as revision 2\n$/,
    )
    expect((await tributary('rollback', '1')).out).toMatch(/- trait\/visits[^]*applied as revision 3\n$/)
    const history = JSON.parse((await tributary('history', '--json')).out) as {
      revision: number
      message: string
      accepted: boolean
    }[]
    expect(history.map((each) => [each.revision, each.message, each.accepted])).toEqual([
      [3, 'back to revision 1', true],
      [2, '', true],
      [1, 'first', true],
    ])
    expect((await tributary('status')).out).toMatch(/^revision {3}3 \(back to revision 1\)/)
  })

  test('of writers at once exactly one wins each revision; the others are told by whom, and nothing of theirs holds', async () => {
    const names = ['red', 'green', 'blue']
    for (const name of names) write(`${name}.yaml`, 'orders', name)
    const results = await Promise.all(
      names.map((name) => tributary('apply', `${name}.yaml`, '--author', name)),
    )
    const history = JSON.parse((await tributary('history', '--json')).out) as {
      revision: number
      author: string
      accepted: boolean
    }[]
    const revisions = history.filter((each) => each.accepted).map((each) => each.revision)
    expect(revisions).toEqual(Array.from({ length: revisions.length }, (_, i) => revisions.length - i))
    for (const [i, result] of results.entries()) {
      const mine = history.filter((each) => each.author === names[i])
      expect({ author: names[i], code: result.code, accepted: mine.some((each) => each.accepted) }).toEqual({
        author: names[i],
        code: result.code,
        accepted: result.code === 0,
      })
    }
    const told = results.filter((result) => result.code === 1)
    for (const result of told)
      expect(result.err).toMatch(
        /^error: (red|green|blue) applied revision \d+ first; nothing of yours holds\./,
      )
    expect(results.some((result) => result.code === 0)).toBe(true)
  })
})
