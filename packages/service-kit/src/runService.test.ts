import { afterAll, afterEach, expect, test } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const program = join(import.meta.dirname, 'testing/exampleService.ts')
const dir = mkdtempSync(join(tmpdir(), 'run-service-'))
const children = new Set<ChildProcess>()

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
})
afterAll(() => {
  rmSync(dir, { recursive: true })
})

type Line = Record<string, unknown> & { msg: string; level: string }

interface Running {
  readonly child: ChildProcess
  readonly lines: Line[]
  until(msg: string): Promise<Line>
  exit: Promise<number | null>
}

function run(env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, ['--conditions=tributary-source', program], {
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', ADMIN_PORT: '0', NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  const lines: Line[] = []
  let rest = ''
  const waiting: (() => void)[] = []
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) lines.push(JSON.parse(part) as Line)
    for (const wake of waiting.splice(0)) wake()
  })
  const exit = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      children.delete(child)
      resolve(code)
      for (const wake of waiting.splice(0)) wake()
    })
  })
  async function until(msg: string): Promise<Line> {
    for (;;) {
      const found = lines.find((line) => line.msg.includes(msg))
      if (found) return found
      if (!children.has(child)) throw new Error(`ended without "${msg}": ${JSON.stringify(lines)}`)
      // oxlint-disable-next-line no-await-in-loop -- waits for the next output
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  return { child, lines, until, exit }
}

test('a ready service prints its ports and writes them to PORTS_FILE', async () => {
  const portsFile = join(dir, 'ports.json')
  const service = run({ PORTS_FILE: portsFile })
  const ready = await service.until('ready')
  expect(ready).toMatchObject({ msg: 'ready', http: 1234, admin: expect.any(Number) })
  expect(JSON.parse(readFileSync(portsFile, 'utf8'))).toEqual({
    msg: 'ready',
    http: 1234,
    admin: ready['admin'],
  })
  const answer = await fetch(`http://127.0.0.1:${String(ready['admin'])}/readyz`)
  expect(answer.status).toBe(200)
  service.child.kill('SIGTERM')
  expect(await service.exit).toBe(0)
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s stops what was started, last first, and exits with 0',
  async (signal) => {
    const service = run()
    await service.until('ready')
    service.child.kill(signal)
    expect(await service.exit).toBe(0)
    expect(service.lines.map((line) => line.msg).slice(-4)).toEqual([
      'stopping',
      'last started is stopped',
      'first started is stopped',
      'stopped',
    ])
  },
)

test('while it stops it is not ready but alive', async () => {
  const service = run({ STOP_TAKES_MS: '1000' })
  const ready = await service.until('ready')
  service.child.kill('SIGTERM')
  await service.until('stopping')
  const base = `http://127.0.0.1:${String(ready['admin'])}`
  expect((await fetch(`${base}/readyz`)).status).toBe(503)
  expect((await fetch(`${base}/livez`)).status).toBe(200)
  expect(await service.exit).toBe(0)
})

test('a second signal exits at once', async () => {
  const service = run({ STOP_TAKES_MS: '60000', SHUTDOWN_GRACE_MS: '60000' })
  await service.until('ready')
  service.child.kill('SIGTERM')
  await service.until('stopping')
  service.child.kill('SIGTERM')
  expect(await service.exit).toBe(1)
  expect(service.lines.at(-1)?.msg).toContain('second signal')
})

test('a stop that takes too long ends with an error', async () => {
  const service = run({ STOP_TAKES_MS: '60000', SHUTDOWN_GRACE_MS: '100' })
  await service.until('ready')
  service.child.kill('SIGTERM')
  expect(await service.exit).toBe(1)
  expect(service.lines.at(-1)?.msg).toContain('longer than SHUTDOWN_GRACE_MS')
})

test.each([
  ['1', 'nobody caught this rejection'],
  ['2', 'nobody caught this exception'],
  ['3', 'the broker cannot be reached'],
])('an error that nothing handles is one fatal line and exit code 1 (%s)', async (kind, message) => {
  const service = run({ BREAKS_WITH: kind })
  expect(await service.exit).toBe(1)
  const fatal = service.lines.filter((line) => line.level === 'fatal')
  expect(fatal).toHaveLength(1)
  expect(fatal[0]?.msg).toContain(message)
})

test('settings that cannot be used are all in one line, and nothing is started', async () => {
  const service = run({ HTTP_PORT: 'x', LOG_LEVEL: 'loud' })
  expect(await service.exit).toBe(1)
  expect(service.lines).toHaveLength(1)
  expect(service.lines[0]).toMatchObject({
    level: 'fatal',
    problems: [expect.stringContaining('HTTP_PORT'), expect.stringContaining('LOG_LEVEL')],
  })
})

test('a signal while it starts ends it', async () => {
  const service = run({ START_TAKES_MS: '60000', LOG_LEVEL: 'debug' })
  await service.until('starting')
  service.child.kill('SIGTERM')
  expect(await service.exit).toBe(0)
})
