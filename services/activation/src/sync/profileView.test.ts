import { expect, test } from '@jest/globals'
import type { ProfileChangeRecord } from '@tributary/contracts'
import { ADA, profileChange } from '../testing/changes.ts'
import { type ProfileView, foldChange, readView } from './profileView.ts'

function viewOf(...changes: ProfileChangeRecord[]): ProfileView {
  const view = changes.reduce<ProfileView | undefined>(foldChange, undefined)
  if (!view) throw new Error('the profile is gone')
  return view
}

const email = (value: string): { type: string; value: string } => ({ type: 'email', value })

test('a view holds the last value of each path, and forgets what is gone', () => {
  const view = viewOf(
    profileChange(1, { after: { 'traits.plan': 'free', 'traits.city': 'Lyon' } }),
    profileChange(2, { after: { 'traits.plan': 'pro' } }),
    profileChange(3, { changed: ['traits.city'], before: { 'traits.city': 'Lyon' } }),
  )
  expect(readView(view, 'traits.plan')).toBe('pro')
  expect(readView(view, 'traits.city')).toBeNull()
})

test('a change that is not newer changes nothing', () => {
  const view = viewOf(profileChange(1), profileChange(2, { after: { 'traits.plan': 'pro' } }))
  expect(foldChange(view, profileChange(2, { after: { 'traits.plan': 'free' } }))).toBe(view)
  expect(foldChange(view, profileChange(1, { after: { 'traits.plan': 'free' } }))).toBe(view)
})

test('a profile that was merged or erased has no view', () => {
  const view = viewOf(profileChange(1))
  expect(foldChange(view, profileChange(2, { op: 'd', mergedInto: ADA }))).toBeUndefined()
})

test('a value hides what was below its path before', () => {
  const view = viewOf(
    profileChange(1, { after: { 'traits.address.city': 'Lyon', 'traits.addressee': 'Ada' } }),
    profileChange(2, { after: { 'traits.address': 'Rue de la Paix' } }),
  )
  expect(readView(view, 'traits.address')).toBe('Rue de la Paix')
  expect(readView(view, 'traits.addressee')).toBe('Ada')
})

test('a path above values gives them as one object, a path into a list gives its part', () => {
  const view = viewOf(
    profileChange(1, {
      after: {
        'traits.address.city': 'Lyon',
        'traits.address.geo.lat': 45.76,
        'traits.children': [{ name: 'Max' }],
        'traits.a\\.b': 1,
      },
    }),
  )
  expect(readView(view, 'traits.address')).toEqual({ city: 'Lyon', geo: { lat: 45.76 } })
  expect(readView(view, 'traits.children.0.name')).toBe('Max')
  expect(readView(view, 'traits.children.1.name')).toBeNull()
  expect(readView(view, 'traits.a\\.b')).toBe(1)
  expect(readView(view, 'traits.constructor')).toBeNull()
  expect(readView(view, 'traits.children.constructor')).toBeNull()
})

test('the identifier a profile has had longest stays first', () => {
  const view = viewOf(
    profileChange(1, { identifiers: { added: [email('z@x.fr')], removed: [] } }),
    profileChange(2, { identifiers: { added: [email('a@x.fr'), email('z@x.fr')], removed: [] } }),
  )
  expect(view.identifiers).toEqual([email('z@x.fr'), email('a@x.fr')])
  const after = foldChange(view, profileChange(3, { identifiers: { added: [], removed: [email('z@x.fr')] } }))
  expect(after?.identifiers).toEqual([email('a@x.fr')])
})
