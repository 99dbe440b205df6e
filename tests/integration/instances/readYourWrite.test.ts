/** Read-your-write on two profile-stores and an identity-stitcher under load: what was written is always seen. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { profileIdOf } from '@tributary/contracts'
import { type Event, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { PositionToken } from '@tributary/contracts/generated/tributary/ingest/v1/position'
import { callUnary } from '@tributary/service-kit'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { type ProfileInstallation, openProfileInstallation } from '../profile/profileInstallation.ts'
import { Shoppers } from './shoppers.ts'

const WRITES = 60
const IDENTITIES = 25
/** Longer than anything but a stop of the machine: these tests are about what is seen, not about how fast. */
const MAX_WAIT_MS = 10_000

let installation: ProfileInstallation
let stores: ServiceProcess[] = []

beforeAll(async () => {
  installation = await openProfileInstallation({ identifier: 4, profile: 4, delivery: 1 })
  await installation.apply([])
  stores = [await installation.start(), await installation.start()]
  await installation.start('identity-stitcher')
}, 120_000)
afterAll(() => installation?.close(), 60_000)

let made = 0

function event(type: EventType, known: readonly (readonly [string, string])[]): Event {
  const identifiers = known.map(([kind, value]) => ({
    type: kind,
    value,
    id: installation.hash(kind, 1, value),
  }))
  const messageId = `w${made++}`
  return {
    messageId,
    messageIdGenerated: false,
    sourceId: 'web',
    type,
    name: 'Viewed',
    anchor: identifiers[0]!.id,
    identifiers,
    timeMs: Date.now(),
    receivedTimeMs: Date.now(),
    timeFlags: [],
    raw: Buffer.from('{}'),
    origin: `test:${messageId}`,
    identityRules: 'r',
    trusted: true,
    epoch: 1,
  }
}

function ask(instance: ServiceProcess, identifier: readonly [string, string], freshness: object) {
  const client = installation.client(instance)
  return callUnary(
    client.getProfile.bind(client),
    {
      ref: { ref: { $case: 'identifier', value: { type: identifier[0], value: identifier[1] } } },
      freshness: { minPosition: '', withIdentity: false, maxWaitMs: MAX_WAIT_MS, ...freshness },
    },
    { deadlineMs: MAX_WAIT_MS + 2_000, metadata: installation.metadata },
  )
}

test('W1: a written event is in the answer of any instance that was given its position', async () => {
  const shoppers = new Shoppers(installation, 'around', 20)
  const seen: [number, number | undefined][] = []
  await shoppers.load(
    () => stores,
    async () => {
      for (let n = 1; n <= WRITES; n++) {
        const writer = ['user_id', `writer-${made}`] as const
        const minPosition = await installation.send([
          event(EventType.EVENT_TYPE_TRACK, [writer]),
          event(EventType.EVENT_TYPE_TRACK, [writer]),
        ])
        const { profile, behind } = await ask(stores[n % 2]!, writer, { minPosition })
        expect(behind).toEqual([])
        seen.push([2, profile?.events])
      }
    },
  )
  expect(shoppers.answers.wrong).toEqual([])
  for (const [written, told] of seen) expect(told).toBe(written)
}, 120_000)

test('W1: with identity, who was joined by a written event is one profile for whoever has its position', async () => {
  const shoppers = new Shoppers(installation, 'joined', 20)
  await shoppers.load(
    () => stores,
    async () => {
      for (let n = 0; n < IDENTITIES; n++) {
        const user = ['user_id', `joined-${made}`] as const
        const device = ['anonymous_id', `device-${made}`] as const
        await installation.send([event(EventType.EVENT_TYPE_TRACK, [device])])
        const minPosition = await installation.send([event(EventType.EVENT_TYPE_IDENTIFY, [user, device])])
        const { profile, behind } = await ask(stores[n % 2]!, device, { minPosition, withIdentity: true })
        expect(behind).toEqual([])
        const joined = [user, device].map(([type, value]) => ({ type, value }))
        expect(profile?.identifiers).toEqual(expect.arrayContaining(joined))
        expect(profile?.events).toBe(2)
        expect(
          [user, device].map(([type, value]) => profileIdOf(installation.hash(type, 1, value), 0)),
        ).toContain(profile?.profileId)
      }
    },
  )
  expect(shoppers.answers.wrong).toEqual([])
}, 120_000)

test('W3: a position that nobody has reached is answered in time, with how far behind each task is', async () => {
  const writer = ['user_id', `early-${made}`] as const
  const minPosition = await installation.send([event(EventType.EVENT_TYPE_TRACK, [writer])])
  const { epoch, positions } = PositionToken.decode(Buffer.from(minPosition, 'base64url'))
  const beyond = PositionToken.encode({
    epoch,
    positions: positions.map(({ partition }) => ({ partition, offset: 10_000_000 })),
  }).finish()
  const { behind } = await ask(stores[0]!, writer, {
    minPosition: Buffer.from(beyond).toString('base64url'),
    maxWaitMs: 50,
  })
  expect(behind).toMatchObject([{ task: 'fragment', topic: 'internal.events.v1' }])
  expect(behind[0]!.offsets).toBeGreaterThan(1_000_000)
})
