/** Activation as a real process on a real Kafka and ClickHouse, before a receiver that verifies each signature. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { versionOf } from '@tributary/contracts'
import { audienceChange, profileChange } from '../../../services/activation/src/testing/changes.ts'
import { OutcomeKind } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import {
  type WebhookReceiver,
  startWebhookReceiver,
} from '../../../services/activation/src/testing/webhookReceiver.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type ActivationInstallation, openActivationInstallation } from './activationInstallation.ts'

let installation: ActivationInstallation
let receiver: WebhookReceiver
let activation: ServiceProcess
let secret: string

const destination = (id: string, url: string, over: object = {}) => ({
  kind: 'Destination',
  id,
  webhook: { url, signingSecret: { file: id }, allowPrivateAddresses: true, ...over },
  maxPerSecond: 1_000,
})
const sync = (id: string, to: string) => ({
  kind: 'Sync',
  id,
  from: { audience: 'vip' },
  to,
  fields: { who: 'profileId', mail: 'identifiers.email', step: 'traits.step', change: 'change' },
})

beforeAll(async () => {
  installation = await openActivationInstallation()
  secret = await installation.secret('crm')
  receiver = await startWebhookReceiver(secret)
  activation = await installation.start()
  await installation.apply([
    destination('crm', receiver.url),
    sync('vip-to-crm', 'crm'),
    destination('unmounted', receiver.url),
    sync('vip-to-unmounted', 'unmounted'),
  ])
  await waitUntil('the revision to be adopted', async () =>
    (await installation.log(activation)).includes('adopted a revision'),
  )
}, 90_000)
afterAll(async () => {
  await installation.close()
  await receiver.stop()
})

const person = (group: string, i: number): string => `${group}${String(i).padStart(31, '0')}-0`

/** A person's n-th change; odd ones enter, even ones leave. */
async function change(profileId: string, n: number): Promise<void> {
  const profile = profileChange(n, {
    profileId,
    changed: ['audiences.vip', 'traits.step'],
    after: { 'traits.step': n },
    identifiers: {
      added: n === 1 ? [{ type: 'email', value: `${profileId}@example.com` }] : [],
      removed: [],
    },
  })
  const audience = audienceChange(n, { profileId, change: n % 2 === 1 ? 'entered' : 'left' })
  await installation.publish({ profileId, version: profile.version, profile, audience })
}

function stepsOf(profileId: string): unknown[] {
  return receiver.calls.filter((call) => call.data['who'] === profileId).map((call) => call.data['change'])
}

test('changes reach the receiver signed, mapped, once and in order, and the event log', async () => {
  for (let n = 1; n <= 3; n++) for (let i = 0; i < 10; i++) await change(person('a', i), n)
  await waitUntil('30 calls', () => receiver.calls.length >= 30)
  expect(receiver).toMatchObject({ forged: 0, repeated: 0 })
  for (let i = 0; i < 10; i++) expect(stepsOf(person('a', i))).toEqual(['entered', 'left', 'entered'])
  // Order is kept per profile; whose call comes first is anybody's.
  const first = receiver.calls.find(({ data }) => (data as { who?: string }).who === person('a', 0))
  expect(first?.data).toEqual({
    who: person('a', 0),
    mail: `${person('a', 0)}@example.com`,
    step: expect.any(Number),
    change: 'entered',
  })
  const { clickhouse } = installation
  await waitForValue(
    'deliveries and outcomes in ClickHouse',
    async () => {
      const [row] = await clickhouse.query<{ deliveries: string; delivered: string }>(
        `SELECT (SELECT uniqExact(id) FROM ${clickhouse.table('deliveries')} WHERE destination = 'crm') AS deliveries,
                (SELECT count() FROM ${clickhouse.table('delivery_outcomes')} WHERE kind = 'delivered') AS delivered`,
      )
      return row
    },
    (row) => Number(row?.deliveries) === 30 && Number(row?.delivered) === 30,
  )
})

test('a destination whose secret is not mounted waits, is listed, and starts when the secret is there', async () => {
  const waiting = await waitForValue(
    'the waiting deliveries',
    () => installation.list(activation),
    (answer) => answer.deliveries.length >= 30,
  )
  expect(new Set(waiting.deliveries.map((one) => one.delivery?.destinationId))).toEqual(
    new Set(['unmounted']),
  )
  expect(waiting.partitions).toEqual([0, 1, 2])
  expect(await installation.log(activation)).toContain('SECRET_MISSING')
  const metrics = await installation.metrics(activation)
  expect(metrics).toContain(
    'destination_held_state{destination="unmounted",mode="paused",code="SECRET_MISSING"} 1',
  )
  expect(metrics).toContain('tributary_activation_deliveries_pending_records{destination="unmounted"} 30')
  const other = await startWebhookReceiver(await installation.secret('unmounted'))
  await installation.apply([
    destination('crm', receiver.url),
    sync('vip-to-crm', 'crm'),
    destination('unmounted', other.url),
    sync('vip-to-unmounted', 'unmounted'),
  ])
  await waitUntil('everything that waited', () => other.calls.length === 30)
  await other.stop()
  expect(other.forged).toBe(0)
})

test('kill -9 again and again while a receiver fails: nothing lost, in order, repeats under the same id only', async () => {
  const people = Array.from({ length: 12 }, (_, i) => person('b', i))
  let calls = 0
  receiver.answer = () => (++calls % 7 === 0 ? 500 : 200)
  await installation.apply([destination('crm', receiver.url), sync('vip-to-crm', 'crm')])
  const already = receiver.calls.length
  for (let n = 1; n <= 6; n++) {
    for (const one of people) await change(one, n)
    if (n % 2 === 0) {
      await activation.kill()
      await activation.start()
    }
  }
  await waitUntil('all calls', () => receiver.calls.length - already === 72, { timeoutMs: 90_000 })
  receiver.answer = () => 200
  for (const one of people) {
    expect(stepsOf(one)).toEqual(['entered', 'left', 'entered', 'left', 'entered', 'left'])
  }
  expect(receiver.forged).toBe(0)
  await waitForValue(
    'one outcome for each',
    async () =>
      (await installation.outcomes(OutcomeKind.OUTCOME_KIND_DELIVERED)).filter(
        (one) => one.destinationId === 'crm' && people.includes(one.profileId),
      ).length,
    (count) => count === 72,
  )
}, 120_000)

test('what the receiver will never take becomes a dead letter, whole', async () => {
  const who = person('c', 1)
  receiver.answer = () => 422
  await change(who, 1)
  const [dead] = await waitForValue(
    'the dead letter',
    () => installation.deadLetters(),
    (found) => found.length > 0,
  )
  receiver.answer = () => 200
  expect(dead).toMatchObject({ attempts: 1, delivery: { profileId: who }, last: { code: 'HTTP_422' } })
  expect(JSON.parse(dead?.delivery?.body ?? '')).toMatchObject({ data: { who } })
})

test('a dead letter survives a kill, is redriven by the command, delivered, and its story is told', async () => {
  await activation.kill()
  await activation.start()
  const tributary = (...args: string[]) => installation.tributary(activation, ...args)
  const listed = await waitForValue(
    'the list',
    () => tributary('delivery', 'list', '--state', 'dead'),
    ({ out }) => out.includes('HTTP_422'),
  )
  const id = /dead +crm +([0-9a-f]{32})/.exec(listed.out)?.[1] ?? ''
  const [same] = await installation.deadLetters()
  expect(same?.delivery?.id).toBe(id)
  expect(await tributary('destination', 'test', 'crm')).toMatchObject({ code: 0 })
  const redriven = await tributary('delivery', 'redrive', id, '--reason', 'the field was renamed')
  expect(redriven).toMatchObject({ code: 0, out: '1 dead letter tried again' })
  await waitUntil('the call', () => receiver.calls.some((call) => call.id === id))
  const story = await waitForValue(
    'the story in the event log',
    () => tributary('delivery', 'why', id),
    ({ out }) => out.includes('try 2 was taken'),
  )
  // Changes are logged by the profile-store, which this test stands for.
  expect(story.out.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, 'TIME')).toBe(
    `Profile ${person('c', 1)} changed (dev.tributary.audience.entered.v1, version ${versionOf(1, 1)}); the change itself is not in the event log.
Sync vip-to-crm sends that to crm (mapping ${/mapping (\w+)/.exec(story.out)?.[1]}), made TIME.
Consent and the rest allowed it.
TIME: given up after try 1 (HTTP_422): the destination answered 422; it will not take this item.
TIME: redriven (REDRIVEN): redriven by ada: the field was renamed.
TIME: try 2 was taken.`,
  )
  expect(await tributary('destination', 'list')).toMatchObject({ code: 0 })
})

test('a destination that is paused by the command is sent nothing, also after a kill, until it is resumed', async () => {
  const tributary = (...args: string[]) => installation.tributary(activation, ...args)
  await tributary('destination', 'pause', 'crm', '--reason', 'a move')
  await activation.kill()
  await activation.start()
  await change(person('d', 1), 1)
  await waitForValue(
    'the waiting delivery',
    () => tributary('destination', 'list'),
    ({ out }) => /crm +stopped +1 /.test(out),
  )
  expect(stepsOf(person('d', 1))).toEqual([])
  await tributary('destination', 'resume', 'crm')
  await waitUntil('the call', () => stepsOf(person('d', 1)).length === 1)
})

test('no secret and no personal value is in its log', async () => {
  const log = await installation.log(activation)
  expect(log).not.toContain(secret)
  expect(log).not.toContain('@example.com')
})

test('a graceful stop ends with 0', async () => {
  await activation.stop()
  expect(await activation.ended()).toEqual({ code: 0, signal: null })
})
