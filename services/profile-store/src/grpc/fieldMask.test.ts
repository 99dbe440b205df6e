import { expect, test } from '@jest/globals'
import { type Profile } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { readFieldMask } from './fieldMask.ts'

const profile: Profile = {
  profileId: 'p1',
  version: '0001-000000000000000001',
  firstSeen: new Date(0),
  lastSeen: new Date(1),
  identifiers: [{ type: 'user_id', value: 'u1' }],
  traits: { plan: 'pro', 'a.b': 1, city: 'Rome' },
  computed: { orders: 3 },
  audiences: { vip: { since: new Date(2) } },
  events: 4,
  json: '{}',
}

function masked(paths: string[] | undefined): Partial<Profile> {
  const mask = readFieldMask(paths)
  if (typeof mask !== 'function') throw new Error(mask.problem)
  return mask(profile)
}

test('without a mask everything is answered', () => {
  expect(masked(undefined)).toEqual(profile)
  expect(masked([])).toEqual(profile)
})

test('only what was asked for is answered, one level into traits, computed and audiences', () => {
  expect(masked(['version', 'traits.plan', 'traits.a.b', 'computed'])).toEqual({
    profileId: '',
    version: profile.version,
    firstSeen: undefined,
    lastSeen: undefined,
    identifiers: [],
    traits: { plan: 'pro', 'a.b': 1 },
    computed: { orders: 3 },
    audiences: {},
    events: 0,
    json: '',
  })
})

test.each([['trait'], ['traits.'], ['events.x'], ['toString'], ['__proto__']])(
  'no field of a profile: %s',
  (path) => {
    expect(readFieldMask([path])).toHaveProperty('problem')
  },
)
