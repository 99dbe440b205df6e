/** A value that slipped through is blocked and opened again, on the real Kafka and ClickHouse, the store killed on the way. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { credentials } from '@grpc/grpc-js'
import { audit } from '@tributary/clickhouse-log'
import { type ProfileRecord, profileIdOf, topics } from '@tributary/contracts'
import { type Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { FactKind } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { IdentityServiceClient } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { callUnary } from '@tributary/service-kit'
import { runTributary } from '../../../deploy/local/src/runTributary.ts'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { waitForValue } from '../../support/waitUntil.ts'
import { type ProfileInstallation, openProfileInstallation } from './profileInstallation.ts'

let installation: ProfileInstallation
let store: ServiceProcess
let stitcher: ServiceProcess

beforeAll(async () => {
  installation = await openProfileInstallation()
  await installation.apply([
    { kind: 'Trait', id: 'orders', count: { event: 'Order Completed' } } as never,
    { kind: 'Trait', id: 'spend', sum: { event: 'Order Completed', path: 'properties.total' } } as never,
  ])
  store = await installation.start()
  stitcher = await installation.start('identity-stitcher')
}, 120_000)
afterAll(() => installation.close())

const PLACEHOLDER = 'notset-4711'
const PEOPLE = 300
/** Several lots of a filing. */
const EVENTS = 2_400
const start = Date.now()

function order(i: number, person: number): Event {
  const identifiers = [
    ['user_id', PLACEHOLDER],
    ['email', `p${person}@shop.example`],
  ].map(([type, value]) => ({ type: type!, value: value!, id: installation.hash(type!, 1, value!) }))
  return {
    messageId: `m${i}`,
    messageIdGenerated: false,
    sourceId: 'web',
    type: EventType.EVENT_TYPE_TRACK,
    name: 'Order Completed',
    anchor: identifiers[0]!.id,
    identifiers,
    timeMs: start + i,
    originalTimeMs: start + i,
    receivedTimeMs: start + i,
    timeFlags: [],
    raw: Buffer.from(JSON.stringify({ properties: { total: i } })),
    origin: `test:m${i}`,
    identityRules: 'r',
    trusted: true,
    erases: false,
    epoch: 1,
  }
}

async function submit(kind: FactKind): Promise<void> {
  const client = new IdentityServiceClient(`127.0.0.1:${stitcher.ports().grpc}`, credentials.createInsecure())
  const refs = [{ ref: { $case: 'identifier' as const, value: { type: 'user_id', value: PLACEHOLDER } } }]
  try {
    await callUnary(
      client.submitFact.bind(client),
      { factId: '', kind, refs, retracts: '', actor: 'test', reason: 'no user id at all' },
      { deadlineMs: 10_000, metadata: installation.metadata },
    )
  } finally {
    client.close()
  }
}

/** Profile id → orders and spend, of those that anything is known of. */
async function shown(): Promise<Map<string, string>> {
  const profiles = new Map<string, string>()
  for (const { key, value } of await installation.read(topics.profiles)) {
    const record = JSON.parse(value!.toString()) as ProfileRecord
    if ('mergedInto' in record || record.identifiers.length === 0) profiles.delete(key!)
    else profiles.set(key!, `${record.computed['orders'] as number} ${record.computed['spend'] as number}`)
  }
  return profiles
}

const idOf = (type: string, value: string) => profileIdOf(installation.hash(type, 1, value), 0)

function expectedByPerson(events: number): object {
  const people = Array.from({ length: PEOPLE }, () => ({ orders: 0, spend: 0 }))
  for (let i = 0; i < events; i++) {
    people[i % PEOPLE]!.orders++
    people[i % PEOPLE]!.spend += i
  }
  return Object.fromEntries(
    people.map(({ orders, spend }, n) => [idOf('email', `p${n}@shop.example`), `${orders} ${spend}`]),
  )
}

test('blocked: each person has what is theirs, also of late events, and a planted difference is found; opened: all as before; killed twice on the way', async () => {
  const some = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => order(from + n, (from + n) % PEOPLE))
  await installation.send([...some(0, EVENTS), ...some(0, 50)])
  const whole = `${EVENTS} ${(EVENTS * (EVENTS - 1)) / 2}`
  await waitForValue('one profile of all', shown, (all) => all.get(idOf('user_id', PLACEHOLDER)) === whole, {
    timeoutMs: 90_000,
  })

  await submit(FactKind.FACT_KIND_BLOCK)
  await waitForValue('some are filed', refiled, (count) => count > 0, { timeoutMs: 60_000 })
  await store.kill()
  await store.start()
  // Collectors hear nothing of a fact: these still come under the blocked value.
  await installation.send(some(EVENTS, EVENTS + 60))
  await waitForValue(
    'everybody has their own',
    async () => Object.fromEntries(await shown()),
    (all) => JSON.stringify(sorted(all)) === JSON.stringify(sorted(expectedByPerson(EVENTS + 60))),
    { timeoutMs: 120_000 },
  )

  await expectTheSameEverywhere(expectedCounts(EVENTS + 60))
  const compared = await compareProfiles()
  expect(compared).toMatchObject({ compared: PEOPLE + 1, differing: [], unsettled: 0 })
  // An event that says something else in the log than what was folded.
  const { clickhouse } = installation
  await clickhouse.command(
    `ALTER TABLE ${clickhouse.table('events')} UPDATE raw = '{"properties":{"total":5000}}' WHERE message_id = 'm7'
    SETTINGS mutations_sync = 2`,
  )
  const differing = [{ profileId: idOf('email', 'p7@shop.example'), differs: ['computed.spend'] }]
  expect(await compareProfiles()).toMatchObject({ compared: PEOPLE + 1, differing, unsettled: 0 })
  await clickhouse.command(
    `ALTER TABLE ${clickhouse.table('events')} UPDATE raw = '{"properties":{"total":7}}' WHERE message_id = 'm7'
    SETTINGS mutations_sync = 2`,
  )

  const before = await refiled()
  await submit(FactKind.FACT_KIND_UNBLOCK)
  await waitForValue('some are filed back', refiled, (count) => count > before, { timeoutMs: 60_000 })
  await store.kill()
  await store.start()
  const all = EVENTS + 60
  const last = await waitForValue(
    'all as before',
    shown,
    (found) => found.get(idOf('user_id', PLACEHOLDER)) === `${all} ${(all * (all - 1)) / 2}`,
    { timeoutMs: 120_000 },
  )
  expect([...last.keys()]).toEqual([idOf('user_id', PLACEHOLDER)])
  await expectTheSameEverywhere({ [idOf('user_id', PLACEHOLDER)]: all })
}, 240_000)

function sorted(found: object): [string, unknown][] {
  return Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1))
}

function expectedCounts(events: number): Record<string, number> {
  return Object.fromEntries(
    sorted(expectedByPerson(events)).map(([id, text]) => [id, Number(String(text).split(' ')[0])]),
  )
}

/** Attribution, the list of events and the ledger say what the profiles say: profile id → events. */
async function expectTheSameEverywhere(events: Record<string, number>): Promise<void> {
  const { clickhouse, metadata } = installation
  const inLog = await waitForValue(
    'the log to have everything',
    async () => {
      const rows = await clickhouse.query<{ profile_id: string; events: string }>(
        `SELECT profile_id, count() AS events FROM ${clickhouse.database}.attributed_events GROUP BY profile_id`,
      )
      return Object.fromEntries(rows.map((row) => [row.profile_id, Number(row.events)]))
    },
    (found) => Object.values(found).reduce((sum, each) => sum + each, 0) === EVENTS + 60,
    { timeoutMs: 30_000 },
  )
  expect(sorted(inLog)).toEqual(sorted(events))

  const client = installation.client(store)
  const call = { deadlineMs: 10_000, metadata }
  // It was killed a moment ago.
  const folded = await waitForValue(
    'every partition to answer, with everything folded',
    async () => {
      try {
        const { partitions, partitionCount } = await callUnary(client.getTotals.bind(client), {}, call)
        return partitions.length < partitionCount ? 0 : partitions.reduce((sum, each) => sum + each.events, 0)
      } catch {
        return 0
      }
    },
    (found) => found === EVENTS + 60,
    { timeoutMs: 30_000 },
  )
  const [profileId, count] = sorted(events)[0]! as [string, number]
  const ref = { ref: { $case: 'profileId' as const, value: profileId } }
  const listed = new Set<string>()
  let pageToken = ''
  do {
    const page = await callUnary(client.listEvents.bind(client), { ref, pageSize: 200, pageToken }, call)
    for (const { messageId } of page.events) listed.add(messageId)
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  expect(listed.size).toBe(count)

  const report = await audit({
    clickhouse,
    prefix: installation.prefix,
    totals: { profiles: Object.keys(events).length, events: folded },
  })
  expect(report.findings).toEqual([])
  expect(report.folding).toMatchObject({ folded: EVENTS + 60, inFlight: 0 })
}

/** `tributary audit --profiles all`. */
async function compareProfiles(): Promise<object> {
  const { stdout, stderr } = await runTributary(['audit', '--profiles', 'all', '--json'], {
    ...installation.settings,
    PROFILE_STORE_GRPC: `127.0.0.1:${store.ports().grpc}`,
  })
  if (!stdout.startsWith('{')) throw new Error(stderr)
  return (JSON.parse(stdout) as { profiles: object }).profiles
}

async function refiled(): Promise<number> {
  return (await installation.read(topics.events)).filter(
    ({ value }) => EventRecord.decode(value!).record?.$case === 'refiled',
  ).length
}
