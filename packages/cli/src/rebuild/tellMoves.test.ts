import { expect, test } from '@jest/globals'
import { differences } from './tellMoves.ts'

test('what was told and what is assigned are compared identifier by identifier, with its own profile where there is nothing', () => {
  const assigned = new Map([
    ['a1', { type: 'anonymous_id', profileId: 'e1-0' }],
    ['a2', { type: 'anonymous_id', profileId: 'u1-0' }],
    ['e2', { type: 'email', profileId: 'e2-1' }],
  ])
  const told = new Map([
    ['a1', { type: 'anonymous_id', profileId: 'u1-0' }],
    ['a2', { type: 'anonymous_id', profileId: 'u1-0' }],
    ['a3', { type: 'anonymous_id', profileId: 'u1-0' }],
    ['a4', { type: 'anonymous_id', profileId: 'a4-0' }],
  ])
  expect(differences(assigned, told)).toEqual([
    { identifierId: 'a1', type: 'anonymous_id', from: 'u1-0', to: 'e1-0' },
    { identifierId: 'a3', type: 'anonymous_id', from: 'u1-0', to: 'a3-0' },
    { identifierId: 'e2', type: 'email', from: 'e2-0', to: 'e2-1' },
  ])
  expect(differences(assigned, assigned)).toEqual([])
})
