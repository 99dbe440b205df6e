import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { versionOf } from '@tributary/contracts'
import { type Classified, classify } from '../delivery/classify.ts'
import { delivery } from '../testing/deliveries.ts'
import { createMemoryRows } from '../testing/memoryRows.ts'
import { senderContract } from '../testing/senderContract.ts'
import { destination } from '../testing/workspace.ts'
import { createPostgresSecrets, createPostgresSender } from './postgresSender.ts'

const dir = mkdtempSync(join(tmpdir(), 'postgres-secrets-'))
writeFileSync(join(dir, 'crm-db'), 'correct horse\n')
afterAll(() => rmSync(dir, { recursive: true }))

const postgres = {
  host: 'db.example',
  database: 'crm',
  user: 'tributary',
  password: { file: 'crm-db' },
  table: 'crm.people',
}
const crm = destination({ webhook: undefined, postgres } as never)
const { signal } = new AbortController()

function world() {
  const rows = createMemoryRows()
  const sender = createPostgresSender({ secrets: createPostgresSecrets(dir, Date.now), rows })
  const send = async (id: string, over: Parameters<typeof delivery>[1]): Promise<Classified> =>
    classify(await sender.send(crm, delivery(id, over), signal))
  return { rows, sender, send }
}

const contract = world()
senderContract('a table in memory', () => ({
  sender: contract.sender,
  destination: crm,
  arrived: async (wanted) =>
    contract.rows.history.flatMap(({ profileId, data }) =>
      profileId === wanted ? [JSON.stringify({ profileId, data })] : [],
    ),
  breakOff: async () =>
    void (contract.rows.fault = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })),
  mend: async () => void (contract.rows.fault = undefined),
}))

const shown = (n: number, data: object) => ({
  version: versionOf(1, n),
  body: JSON.stringify({ profileId: 'p1', version: versionOf(1, n), data }),
})

test('a row has the fields of the newest version; of one that is merged or gone nothing stays but that', async () => {
  const { rows, send } = world()
  await send('a', shown(2, { plan: 'pro', spent: 12.5 }))
  await send('b', shown(1, { plan: 'free' }))
  expect(rows.held.get('p1')?.data).toMatchObject({ plan: 'pro' })
  await send('c', { version: versionOf(1, 3), body: JSON.stringify({ profileId: 'p1', mergedInto: 'p2' }) })
  expect(rows.held.get('p1')).toEqual({
    profileId: 'p1',
    version: versionOf(1, 3),
    data: undefined,
    mergedInto: 'p2',
  })
  await send('d', { version: versionOf(1, 4), body: '' })
  expect(rows.held.get('p1')).toMatchObject({ data: undefined, mergedInto: null })
})

test('one row that does not fit is a dead letter, and the others of its transaction are there', async () => {
  const { rows, send } = world()
  rows.refuses = ({ profileId }) => (profileId === 'p7' ? '22P02' : undefined)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => send(`d${n}`, { ...shown(1, { n }), profileId: `p${n}` })),
  )
  expect(answers.map(({ verdict }) => verdict)).toEqual(
    answers.map((_, n) => (n === 7 ? 'item' : 'delivered')),
  )
  expect(answers[7]).toMatchObject({ code: 'ROW_REFUSED', message: expect.stringContaining('22P02') })
  expect(rows.held.size).toBe(19)
})

const coded = (code: string, over: object = {}) =>
  Object.assign(new Error('Key (mail)=(a@b.c)'), { code, ...over })
const words = (message: string) => new Error(message)

test.each<[string, Error, string, string]>([
  ['no server', coded('ECONNREFUSED'), 'retry', 'CONNECTION_FAILED'],
  ['no such name', coded('ENOTFOUND'), 'retry', 'NAME_NOT_FOUND'],
  ['an address that may not be called', coded('ADDRESS_REFUSED'), 'pause', 'ADDRESS_REFUSED'],
  ['a certificate of somebody else', coded('SELF_SIGNED_CERT_IN_CHAIN'), 'retry', 'TLS_FAILED'],
  ['no TLS', words('The server does not support SSL connections'), 'retry', 'TLS_FAILED'],
  ['silence', words('Query read timeout'), 'retry', 'TIMEOUT'],
  ['too slow', coded('57014'), 'retry', 'TIMEOUT'],
  ['a shutdown', coded('57P01'), 'retry', 'DATABASE_UNAVAILABLE'],
  ['a standby', coded('25006'), 'retry', 'DATABASE_UNAVAILABLE'],
  ['too many connections', coded('53300'), 'retry', 'DATABASE_UNAVAILABLE'],
  ['a deadlock', coded('40P01'), 'retry', 'DATABASE_UNAVAILABLE'],
  ['a wrong password', coded('28P01'), 'pause', 'NOT_AUTHORISED'],
  ['no permission', coded('42501'), 'pause', 'NOT_AUTHORISED'],
  ['no table', coded('42P01'), 'pause', 'DATABASE_REFUSED'],
  ['no column', coded('42703', { column: 'plan' }), 'pause', 'DATABASE_REFUSED'],
  ['no key', coded('42P10'), 'pause', 'DATABASE_REFUSED'],
  ['a rule', coded('23514', { constraint: 'plan_known' }), 'item', 'ROW_REFUSED'],
  ['a trigger', coded('P0001'), 'item', 'ROW_REFUSED'],
])('%s', async (_, error, verdict, code) => {
  const { rows, send } = world()
  rows.fault = error
  const answer = await send('a', shown(1, {}))
  expect(answer).toMatchObject({ verdict, code })
  // What a database writes may hold values.
  expect(answer.message).not.toMatch('a@b.c')
})

test('a test looks and writes nothing', async () => {
  const { rows, send } = world()
  expect((await send('t', { profileId: '' })).verdict).toBe('delivered')
  rows.fault = coded('42P01')
  expect((await send('t', { profileId: '' })).verdict).toBe('pause')
  expect(rows.writes).toEqual([])
})

test('without its password nothing is sent', () => {
  const { sender } = world()
  const without = destination({
    webhook: undefined,
    postgres: { ...postgres, password: { file: 'nobody-mounted' } },
  } as never)
  expect(sender.blocked(without)).toMatchObject({ code: 'SECRET_MISSING' })
})

test('a stop does not wait for a database that is silent', async () => {
  const { rows } = world()
  const silent = { ...rows, write: () => new Promise<void>(() => undefined) }
  const sender = createPostgresSender({ secrets: createPostgresSecrets(dir, Date.now), rows: silent })
  const stop = new AbortController()
  const answer = sender.send(crm, delivery('a', shown(1, {})), stop.signal)
  setTimeout(() => stop.abort(), 50)
  expect(classify(await answer).verdict).toBe('retry')
})
