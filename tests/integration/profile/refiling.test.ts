/** A value that slipped through is blocked and opened again, on the real Kafka and ClickHouse, the store killed on the way. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { credentials } from '@grpc/grpc-js'
import { type ProfileRecord, profileIdOf, topics } from '@tributary/contracts'
import { type Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { FactKind } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { IdentityServiceClient } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { callUnary } from '@tributary/service-kit'
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

test('blocked: each person has what is theirs, also of late events; opened: all as before; killed twice on the way', async () => {
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
}, 170_000)

function sorted(found: object): [string, unknown][] {
  return Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1))
}

async function refiled(): Promise<number> {
  return (await installation.read(topics.events)).filter(
    ({ value }) => EventRecord.decode(value!).record?.$case === 'refiled',
  ).length
}
