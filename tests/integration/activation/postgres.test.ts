/** A table of a real PostgreSQL: the example of docs/reference/destinations.md, over TLS, restarts and kills included. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { DestinationDocument } from '@tributary/configuration'
import { type ProfileChangeRecord, versionOf } from '@tributary/contracts'
import { selfSignedCertificate } from '@tributary/service-kit/testing'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { classify } from '../../../services/activation/src/delivery/classify.ts'
import { createPostgresSender } from '../../../services/activation/src/postgres/postgresSender.ts'
import { createPostgresRows } from '../../../services/activation/src/postgres/rowStore.ts'
import { delivery } from '../../../services/activation/src/testing/deliveries.ts'
import { profileChange } from '../../../services/activation/src/testing/changes.ts'
import { senderContract } from '../../../services/activation/src/testing/senderContract.ts'
import { type PostgresServer, postgresPrograms, startPostgres } from '../../support/postgresServer.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type ActivationInstallation, openActivationInstallation } from './activationInstallation.ts'
import { pageExample } from './pageExample.ts'

const certificate = selfSignedCertificate('localhost', Date.now())
const example = pageExample('destinations.md', 'Postgres')
let server: PostgresServer
let installation: ActivationInstallation
let activation: ServiceProcess

beforeAll(async () => {
  const logFile = join(mkdtempSync(join(tmpdir(), 'postgres-test-')), 'postgres.log')
  server = await startPostgres({ programs: (await postgresPrograms())!, logFile, tls: certificate })
  await server.sql(`CREATE ROLE tributary LOGIN PASSWORD 'of the office'; ${example.code('sql')}`)
  await server.sql(`
    CREATE TABLE contract (profile_id text PRIMARY KEY, version text NOT NULL, present boolean NOT NULL,
      merged_into text, id text, name text);
    CREATE TABLE contract_log (n serial, profile_id text, id text, name text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO contract_log (profile_id, id, name) VALUES (NEW.profile_id, NEW.id, NEW.name); RETURN NEW; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE ON contract FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TABLE typed (profile_id text PRIMARY KEY, version text NOT NULL, present boolean NOT NULL, merged_into text,
      amount numeric, since timestamptz, tags jsonb, plan text CHECK (plan <> 'none'), note text DEFAULT 'theirs')`)
}, 60_000)
afterAll(async () => {
  await installation?.close()
  await rows.close()
  await server?.stop()
}, 60_000)

type Postgres = NonNullable<DestinationDocument['postgres']>
const rows = createPostgresRows()
const secrets = { password: '', ca: certificate.cert.toString() }
const sender = createPostgresSender({
  secrets: () => ({ ...secrets, password: secrets.password || server.password }),
  rows,
})
const to = (table: string, over: Partial<Postgres> = {}, id = table): DestinationDocument => ({
  kind: 'Destination',
  id,
  postgres: {
    host: 'localhost',
    port: server.port,
    database: 'postgres',
    user: 'postgres',
    password: { file: 'x' },
    table,
    timeoutMs: 5_000,
    allowPrivateAddresses: true,
    ...over,
  },
})
const { signal } = new AbortController()
const send = async (
  target: DestinationDocument,
  profileId: string,
  n: number,
  data: object | undefined,
  over: object = {},
) => {
  const version = versionOf(1, n)
  const body = data ? JSON.stringify({ profileId, version, data, ...over }) : ''
  return classify(
    await sender.send(target, delivery(`${profileId}-${n}`, { profileId, version, body }), signal),
  )
}

let contracted: DestinationDocument
senderContract('a real PostgreSQL over TLS', () => ({
  sender,
  destination: (contracted ??= to('contract')),
  arrived: async (profileId) =>
    (await server.sql(`SELECT id, name FROM contract_log WHERE profile_id = '${profileId}' ORDER BY n`)).map(
      (row) => JSON.stringify({ profileId, data: row }),
    ),
  breakOff: () => server.kill(),
  mend: () => server.start(),
}))

test('an older version never overwrites a newer one, in whatever order they come', async () => {
  const table = to('typed')
  for (const n of [3, 1, 5, 2, 4])
    expect((await send(table, 'guarded', n, { amount: n })).verdict).toBe('delivered')
  await send(table, 'ended', 4, undefined)
  await send(table, 'ended', 3, { amount: 3 })
  await send(table, 'back', 4, undefined)
  await send(table, 'back', 5, { amount: 5 })
  await send(table, 'kept', 5, { amount: 5 })
  await send(table, 'kept', 4, undefined)
  const held = await server.sql(
    `SELECT profile_id, right(version, 1) AS v, present, amount FROM typed
     WHERE profile_id IN ('guarded', 'ended', 'back', 'kept') ORDER BY profile_id`,
  )
  expect(held).toEqual([
    { profile_id: 'back', v: '5', present: true, amount: '5' },
    { profile_id: 'ended', v: '4', present: false, amount: null },
    { profile_id: 'guarded', v: '5', present: true, amount: '5' },
    { profile_id: 'kept', v: '5', present: true, amount: '5' },
  ])
})

test('also of a statement that a killed process left running', async () => {
  await send(to('typed'), 'raced', 1, { amount: 1 })
  // Holds the lock of the row while the older statement waits for it and the newer one comes.
  const locked = server.sql(
    `BEGIN; SELECT * FROM typed WHERE profile_id = 'raced' FOR UPDATE; SELECT pg_sleep(1); COMMIT`,
  )
  await new Promise((resolve) => setTimeout(resolve, 200))
  const newer = send(to('typed', {}, 'one'), 'raced', 3, { amount: 3 })
  const older = send(to('typed', {}, 'other'), 'raced', 2, { amount: 2 })
  await Promise.all([locked, newer, older])
  expect(await server.sql(`SELECT amount FROM typed WHERE profile_id = 'raced'`)).toEqual([{ amount: '3' }])
})

test('values get the types of their columns, to the last digit; what no field names is left alone', async () => {
  const table = to('typed')
  const body = `{"profileId":"exact","data":{"amount":12345678901234567890.123456789,"since":"2026-01-31T18:00:00+01:00","tags":["a","b"],"plan":"Zoë \\"x\\"; DROP TABLE typed"}}`
  const item = delivery('exact', { profileId: 'exact', version: versionOf(1, 1), body })
  expect(classify(await sender.send(table, item, signal)).verdict).toBe('delivered')
  await server.sql(`UPDATE typed SET note = 'ours' WHERE profile_id = 'exact'`)
  await send(table, 'exact', 2, { plan: 'pro' })
  expect(
    await server.sql(`SELECT amount, since, tags, plan, note FROM typed WHERE profile_id = 'exact'`),
  ).toEqual([
    {
      amount: '12345678901234567890.123456789',
      since: new Date('2026-01-31T17:00:00Z'),
      tags: ['a', 'b'],
      plan: 'pro',
      note: 'ours',
    },
  ])
  await send(table, 'exact', 3, undefined)
  expect(
    await server.sql(`SELECT present, amount, plan, note FROM typed WHERE profile_id = 'exact'`),
  ).toEqual([{ present: false, amount: null, plan: null, note: 'theirs' }])
})

test('rows that do not fit are dead letters, the others of their transaction are there', async () => {
  const table = to('typed')
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) =>
      send(table, `mixed-${n}`, 1, n === 3 ? { amount: 'much' } : n === 8 ? { plan: 'none' } : { amount: n }),
    ),
  )
  expect(answers.map(({ verdict }) => verdict)).toEqual(
    answers.map((_, n) => (n === 3 || n === 8 ? 'item' : 'delivered')),
  )
  expect(answers[8]?.message).toMatch('typed_plan_check')
  expect(answers[3]?.message).not.toMatch('much')
})

test.each<[string, () => DestinationDocument, string, string]>([
  ['no table', () => to('nowhere'), 'pause', 'DATABASE_REFUSED'],
  ['no schema', () => to('no.where'), 'pause', 'DATABASE_REFUSED'],
  ['no such column', () => to('contract', {}, 'columns'), 'pause', 'DATABASE_REFUSED'],
  ['no such user', () => to('typed', { user: 'nobody' }, 'user'), 'pause', 'NOT_AUTHORISED'],
  ['no permission', () => to('typed', { user: 'tributary' }, 'permission'), 'pause', 'NOT_AUTHORISED'],
  ['nobody listens', () => to('typed', { port: 1 }, 'port'), 'retry', 'CONNECTION_FAILED'],
  [
    'a private address',
    () => to('typed', { allowPrivateAddresses: false }, 'guard'),
    'pause',
    'ADDRESS_REFUSED',
  ],
  [
    'one in numbers',
    () => to('typed', { host: '127.0.0.1', allowPrivateAddresses: false }, 'literal'),
    'pause',
    'ADDRESS_REFUSED',
  ],
])('%s', async (_, target, verdict, code) => {
  secrets.password = code === 'NOT_AUTHORISED' ? 'of the office' : ''
  expect(await send(target(), 'asked', 1, { amount: 1 })).toMatchObject({ verdict, code })
  secrets.password = ''
})

test('a server whose certificate nobody vouches for is not written to', async () => {
  secrets.ca = selfSignedCertificate('localhost', Date.now()).cert.toString()
  expect(await send(to('typed', {}, 'tls'), 'asked', 1, { amount: 1 })).toMatchObject({ code: 'TLS_FAILED' })
  secrets.ca = certificate.cert.toString()
  const numbers = to('typed', { host: '127.0.0.1' }, 'numbers')
  expect((await send(numbers, 'asked', 1, { amount: 1 })).verdict).toBe('delivered')
})

test('a statement that takes too long ends at the server too', async () => {
  await send(to('typed'), 'slow', 1, { amount: 1 })
  const locked = server.sql(
    `BEGIN; SELECT * FROM typed WHERE profile_id = 'slow' FOR UPDATE; SELECT pg_sleep(1.5); COMMIT`,
  )
  await new Promise((resolve) => setTimeout(resolve, 200))
  const slow = to('typed', { timeoutMs: 500 }, 'slow')
  expect(await send(slow, 'slow', 2, { amount: 2 })).toMatchObject({ verdict: 'retry', code: 'TIMEOUT' })
  await locked
  expect(await server.sql(`SELECT amount FROM typed WHERE profile_id = 'slow'`)).toEqual([{ amount: '1' }])
})

const person = (n: number): string => `${String(n).padStart(32, '0')}-0`

async function change(profileId: string, n: number, over: Partial<ProfileChangeRecord>): Promise<void> {
  const profile = profileChange(n, { profileId, ...over })
  await installation.publish({ profileId, version: profile.version, profile })
}

test('the example of the page, as it stands: who consents is in the table, also after a kill', async () => {
  installation = await openActivationInstallation()
  await installation.mount('office-password', 'of the office\n')
  await installation.mount('office-ca', certificate.cert)
  const documents = example.documents().map((document) =>
    document.kind === 'Destination'
      ? {
          ...document,
          postgres: {
            ...(document as DestinationDocument).postgres,
            host: 'localhost',
            port: server.port,
            database: 'postgres',
            allowPrivateAddresses: true,
          },
        }
      : document,
  )
  activation = await installation.start()
  await installation.apply(documents)
  await waitUntil('the revision to be adopted', async () =>
    (await installation.log(activation)).includes('adopted a revision'),
  )
  const consenting = { 'consent.email': true, 'traits.plan': 'pro', 'traits.salary': 90_000 }
  for (const n of [1, 2, 3, 4]) await change(person(n), 1, { after: { ...consenting, 'traits.spent': n } })
  await waitForValue(
    'four people',
    () => server.sql('SELECT * FROM crm.people_now'),
    (found) => found.length === 4,
  )
  await activation.kill()
  await change(person(1), 2, { op: 'd', mergedInto: person(2) })
  await change(person(3), 2, { before: { 'consent.email': true }, after: { 'consent.email': false } })
  await change(person(4), 2, { after: { 'traits.plan': 'max' } })
  activation = await installation.start()
  const held = await waitForValue(
    'what is held after all of it',
    () =>
      server.sql('SELECT profile_id, present, merged_into, plan, spent FROM crm.people ORDER BY profile_id'),
    (found) => found.filter(({ present }) => present === false).length === 2 && found[3]?.['plan'] === 'max',
  )
  expect(held).toEqual([
    { profile_id: person(1), present: false, merged_into: person(2), plan: null, spent: null },
    { profile_id: person(2), present: true, merged_into: null, plan: 'pro', spent: '2' },
    { profile_id: person(3), present: false, merged_into: null, plan: null, spent: null },
    { profile_id: person(4), present: true, merged_into: null, plan: 'max', spent: '4' },
  ])
  const tested = await installation.tributary(activation, 'destination', 'test', 'back-office')
  expect(tested).toMatchObject({ code: 0, out: expect.stringContaining('took the test item') })
}, 60_000)
