import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'

/** The command as a process of its own, as people run it. */
jest.setTimeout(30_000)

const main = join(import.meta.dirname, 'main.ts')
const root = join(import.meta.dirname, '../../..')
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function tributary(args: readonly string[], env: Record<string, string> = {}, cwd = folder) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=tributary-source', main, ...args], {
      cwd,
      env: { PATH: process.env['PATH'], ...env },
    })
    const result = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (result.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (result.err += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...result }))
  })
}

test('the example of a shop is valid', async () => {
  const { code, out, err } = await tributary(['validate', 'examples/shop'], {}, root)
  expect({ code, out, err }).toEqual({
    code: 0,
    out: expect.stringMatching(/^valid: \d+ documents in 5 files\n$/),
    err: '',
  })
})

test('a wrong file is told with its place, exit code 1, without colours, and as JSON when asked', async () => {
  writeFileSync(
    join(folder, 'shop.yaml'),
    'kind: Workspace\nschema: tributary/v1\nid: maison\ntimezone: Europe/Paris\n',
  )
  const text = await tributary(['validate', 'shop.yaml'])
  expect(text).toEqual({
    code: 1,
    out: 'shop.yaml:4:1: unknown key `timezone`: did you mean `timeZone`?\nshop.yaml:1:1: needs the key `timeZone` (IANA zone of calendar days, for example Europe/Paris)\n',
    err: '2 problems in 1 file\n',
  })
  const json = await tributary(['validate', 'shop.yaml', '--json'])
  expect(JSON.parse(json.out)).toMatchObject({
    valid: false,
    problems: [{ file: 'shop.yaml', line: 4, column: 1 }, { line: 1 }],
  })
})

test('a Kafka that cannot be reached is one clear sentence and exit code 1', async () => {
  const { code, out, err } = await tributary(['apply', join(root, 'examples/shop')], {
    KAFKA_BROKERS: '127.0.0.1:9',
  })
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(
    /^error: Kafka does not answer at 127\.0\.0\.1:9 \(.*\): is it running, and are the addresses right\?\n$/,
  )
})

test('nothing given says what to give', async () => {
  expect(await tributary(['status'])).toEqual({
    code: 1,
    out: '',
    err: 'error: no Kafka is named: give --brokers host:port, set KAFKA_BROKERS, or run `make up` first\n',
  })
})

test('a schema is printed for editors, a mistyped command is corrected, and help is no error', async () => {
  const schema = await tributary(['schema', 'audience'])
  expect(JSON.parse(schema.out)).toMatchObject({
    title: 'Audience',
    $schema: 'https://json-schema.org/draft/2020-12/schema',
  })
  const wrong = await tributary(['validat'])
  expect({ code: wrong.code, err: wrong.err }).toEqual({
    code: 1,
    err: expect.stringMatching(/Did you mean validate\?/),
  })
  const help = await tributary(['--help'])
  expect({ code: help.code, err: help.err }).toEqual({ code: 0, err: '' })
  expect(help.out).toMatch('Exit codes: 0 fine, 1 error, 2 changes or findings.')
})
