import { describe, expect, test } from '@jest/globals'
import type { SyncDocument } from '@tributary/configuration'
import type { AudienceChangeRecord, ProfileChangeRecord } from '@tributary/contracts'
import { audienceChange, profileChange } from '../testing/changes.ts'
import { audienceSync, profileSync } from '../testing/workspace.ts'
import { wants } from './wants.ts'

function wantsAudience(sync: Partial<SyncDocument>, change: Partial<AudienceChangeRecord>): boolean {
  return wants(audienceSync(sync), {
    of: 'audience',
    id: '1',
    type: '',
    text: '',
    record: audienceChange(1, change),
  })
}
function wantsProfile(sync: Partial<SyncDocument>, change: Partial<ProfileChangeRecord>): boolean {
  return wants(profileSync(sync), {
    of: 'profile',
    id: '1',
    type: '',
    text: '',
    record: profileChange(2, change),
  })
}

describe('a sync from an audience', () => {
  test.each<[string, Partial<SyncDocument>, Partial<AudienceChangeRecord>, boolean]>([
    ['wants those who enter', {}, {}, true],
    ['wants those who leave', {}, { change: 'left' }, true],
    ['wants corrections', {}, { change: 'corrected' }, true],
    ['can be about those who enter only', { on: ['entered'] }, { change: 'left' }, false],
    ['can be about those who leave only', { on: ['left'] }, { change: 'left' }, true],
    ['does not want another audience', {}, { audience: 'other' }, false],
    ['does not take a merge for a leave', {}, { change: 'merged', reason: 'merged' }, false],
    ['nor one that was told as a leave', {}, { change: 'left', reason: 'merged' }, false],
    ['wants nothing while disabled', { disabled: true }, {}, false],
  ])('%s', (_promise, sync, change, expected) => {
    expect(wantsAudience(sync, change)).toBe(expected)
  })

  test('does not want changes of profiles', () => {
    expect(
      wants(audienceSync(), { of: 'profile', id: '1', type: '', text: '', record: profileChange(1) }),
    ).toBe(false)
  })
})

describe('a sync from profiles', () => {
  const of = (...paths: string[]): Partial<SyncDocument> => ({ from: { profile: { paths } } })
  test.each<[string, Partial<SyncDocument>, Partial<ProfileChangeRecord>, boolean]>([
    ['wants every change', {}, { after: { 'traits.plan': 1 } }, true],
    ['wants a change of its path', of('traits.plan'), { after: { 'traits.plan': 1 } }, true],
    ['wants a change below its path', of('traits'), { after: { 'traits.plan': 1 } }, true],
    ['wants a change above its path', of('traits.address.city'), { after: { 'traits.address': 'x' } }, true],
    ['does not want another path', of('traits.plan'), { after: { 'traits.planned': 1 } }, false],
    ['is told of the end of a profile in any case', of('traits.plan'), { op: 'd' }, true],
  ])('%s', (_promise, sync, change, expected) => {
    expect(wantsProfile(sync, change)).toBe(expected)
  })

  test('does not want changes of audiences', () => {
    expect(
      wants(profileSync(), { of: 'audience', id: '1', type: '', text: '', record: audienceChange(1) }),
    ).toBe(false)
  })
})

describe('echoes', () => {
  const by = (...sources: string[]): Partial<ProfileChangeRecord> => ({
    causedBy: { reason: 'event', messageIds: [], sources },
  })
  const ignore = { ignoreChangesFrom: ['crm', 'erp'] }
  test.each([
    ['what the destination wrote itself is not sent back', by('crm'), false],
    ['nor what several ignored sources wrote', by('crm', 'erp'), false],
    ['what another source had a part in is sent', by('crm', 'web'), true],
    ['what no source caused is sent (time, definition)', by(), true],
  ])('%s', (_promise, change, expected) => {
    expect(wantsProfile(ignore, change)).toBe(expected)
  })
})
