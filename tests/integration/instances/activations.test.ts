/** Two activations share the deliveries; each lists all that wait. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type AudienceChangeRecord, type ProfileChangeRecord, versionOf } from '@tributary/contracts'
import { type ListDeliveriesResponse } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import {
  type ActivationInstallation,
  openActivationInstallation,
} from '../activation/activationInstallation.ts'

let installation: ActivationInstallation

beforeAll(async () => {
  installation = await openActivationInstallation()
}, 60_000)
afterAll(() => installation?.close(), 60_000)

/** Its secret is not mounted, so that everything waits. */
const documents = [
  {
    kind: 'Destination',
    id: 'crm',
    webhook: {
      url: 'http://127.0.0.1:9/',
      signingSecret: { file: 'unmounted' },
      allowPrivateAddresses: true,
    },
  },
  { kind: 'Sync', id: 'vip-to-crm', from: { audience: 'vip' }, to: 'crm', fields: { who: 'profileId' } },
]

const PEOPLE = 20
const person = (i: number): string => `${String(i).padStart(32, '0')}-0`

async function enter(profileId: string): Promise<void> {
  const causedBy = { messageIds: [], sources: [] }
  const common = { profileId, version: versionOf(1, 1), time: new Date().toISOString(), rules: {} }
  const profile: ProfileChangeRecord = {
    ...common,
    op: 'c',
    previousVersion: null,
    changed: ['audiences.vip'],
    before: {},
    after: {},
    identifiers: { added: [], removed: [] },
    mergedFrom: [],
    causedBy: { reason: 'event', ...causedBy },
  }
  const audience: AudienceChangeRecord = {
    ...common,
    audience: 'vip',
    change: 'entered',
    reason: 'event',
    because: [],
    causedBy,
  }
  await installation.publish({ profileId, version: common.version, profile, audience })
}

const waiting = ({ deliveries }: ListDeliveriesResponse): string[] =>
  deliveries.map(({ delivery }) => delivery!.profileId)

test('what waits is listed whole and alike by whichever instance is asked, and by the one that stays', async () => {
  await installation.apply(documents)
  const [first, second] = [await installation.start(), await installation.start()]
  for (const instance of [first, second])
    await waitUntil('the revision to be adopted', async () =>
      (await installation.log(instance)).includes('adopted a revision'),
    )
  await Promise.all(Array.from({ length: PEOPLE }, (_, i) => enter(person(i))))
  const everyone = Array.from({ length: PEOPLE }, (_, i) => person(i))
  for (const instance of [first, second]) {
    const answer = await waitForValue(
      'all that wait',
      () => installation.list(instance),
      (found) => found.deliveries.length === PEOPLE,
    )
    expect(answer.partitions).toEqual([0, 1, 2])
    expect(waiting(answer)).toEqual(everyone)
  }
  await first.stop()
  const left = await waitForValue(
    'all that wait, from the log',
    () => installation.list(second),
    (found) => found.deliveries.length === PEOPLE,
  )
  expect(waiting(left)).toEqual(everyone)
}, 120_000)
