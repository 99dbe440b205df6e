import { expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import { createRecordingLogger } from './testing/recordingLogger.ts'

test.each([
  ['writeKey', 'wk_1'],
  ['X-Write-Key', 'wk_1'],
  ['authorization', 'Basic d2tfMTo='],
  ['email', 'Ada Lovelace'],
  ['phone', '+33612345678'],
  ['ip', '203.0.113.7'],
  ['token', 't0k3n'],
  ['access_token', 't0k3n'],
  ['password', 'hunter2'],
  ['signingSecret', 'whsec_x'],
  ['traits', { plan: 'secretplan' }],
  ['body', 'wholebody'],
])('the value of %s is never logged, at any depth', (key, value) => {
  const { logger, text } = createRecordingLogger()
  logger.info({ [key]: value }, 'flat')
  logger.info({ a: [{ b: { [key]: value } }] }, 'deep')
  logger.info({ m: new Map([[key, value]]) }, 'map')
  logger.child({ [key]: value }).info('child')
  logger.error(Object.assign(new Error('x', { cause: { [key]: value } }), { [key]: value }), 'error')
  for (const secret of typeof value === 'string' ? [value] : Object.values(value)) {
    expect(text()).not.toContain(secret)
  }
})

test('the value of an identifier is not logged, its type is', () => {
  const { logger, lines } = createRecordingLogger()
  logger.info({ identifiers: [{ type: 'user_id', value: 'u1' }] }, 'seen')
  expect(lines[0]).toMatchObject({ identifiers: [{ type: 'user_id', value: '[redacted]' }] })
})

test.each([
  'no such user ada.lovelace@example.com here',
  'sent Bearer eyJhbGciOi.J9 and failed',
  'secret was whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
  'GET /beacon/v1/batch?writeKey=wk_web_1 failed',
])('text that looks personal or secret is taken out of messages and errors: %s', (message) => {
  const { logger, text } = createRecordingLogger()
  logger.info(message)
  logger.error(new Error(message), 'failed')
  logger.info({ note: message }, 'note')
  expect(text()).not.toMatch(/ada\.lovelace|eyJhbGciOi|C2FVsBQ|wk_web_1/)
  expect(text()).toContain('[redacted]')
})

test('bigints and errors with causes are logged as values', () => {
  const { logger, lines } = createRecordingLogger()
  logger.warn({ offset: 2n ** 60n, err: new Error('outer', { cause: new RangeError('inner') }) }, 'odd')
  expect(lines[0]).toMatchObject({
    level: 'warn',
    offset: '1152921504606846976',
    err: { type: 'Error', message: 'outer', cause: { type: 'RangeError', message: 'inner' } },
    msg: 'odd',
  })
})

test('cycles, deep values, long lists and getters that throw do not stop the logger', () => {
  const { logger, lines } = createRecordingLogger()
  const cycle: Record<string, unknown> = {
    get bad() {
      throw new Error('no')
    },
  }
  cycle['self'] = cycle
  let deep: unknown = 1
  for (let i = 0; i < 10_000; i++) deep = { deep }
  logger.info({ cycle, deep, many: Array.from({ length: 1000 }, (_, i) => i) }, 'still here')
  expect(lines[0]).toMatchObject({ msg: 'still here', cycle: { self: '[cycle]', bad: '[unreadable]' } })
})

test('every line is one JSON object, whatever is logged', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.object(), (message, fields) => {
      const { logger, lines, text } = createRecordingLogger()
      logger.info({ fields }, message)
      expect(lines).toHaveLength(1)
      expect(text().trimEnd().split('\n')).toHaveLength(1)
    }),
    { numRuns: 200 },
  )
})

test('an e-mail pattern costs no more than its text is long', () => {
  const { logger } = createRecordingLogger()
  const start = performance.now()
  logger.info({ note: 'a'.repeat(200_000) + '@' + 'a.'.repeat(100_000) }, 'hostile')
  expect(performance.now() - start).toBeLessThan(2_000)
})

test('lines stand in the order they were written in, also when the process exits with the thread pool busy', () => {
  const program = `
    import { pbkdf2 } from 'node:crypto'
    import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'logger.ts'))}
    const logger = createLogger({ LOG_LEVEL: 'info', NODE_ID: 'one' }, 'example')
    pbkdf2('keeps', 'the pool busy', 300_000, 64, 'sha512', () => undefined)
    for (const line of ['first', 'second', 'third']) logger.info(line)
    process.exit(0)`
  const output = execFileSync(
    process.execPath,
    ['--conditions=tributary-source', '--input-type=module', '--eval', program],
    { env: { UV_THREADPOOL_SIZE: '1', NODE_NO_WARNINGS: '1' }, encoding: 'utf8' },
  )
  const messages = output
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg)
  expect(messages).toEqual(['first', 'second', 'third'])
})
