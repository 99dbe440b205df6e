import { expect, test } from '@jest/globals'
import { cloudEventHeaders, cloudEventId } from './cloudEvents.ts'
import { topics } from './topics.ts'

test('a record of a public topic has the headers of CloudEvents in binary mode, with an id a replay repeats', () => {
  expect(
    cloudEventHeaders({
      id: cloudEventId(1, topics.profileChanges.name, 3, 77),
      type: 'dev.tributary.profile.updated.v1',
      source: '/tributary/profile-store',
      subject: 'p1',
      time: '1970-01-01T00:00:00.000Z',
    }),
  ).toEqual({
    ce_specversion: '1.0',
    ce_id: '1-profile-changes-3-77',
    ce_type: 'dev.tributary.profile.updated.v1',
    ce_source: '/tributary/profile-store',
    ce_subject: 'p1',
    ce_time: '1970-01-01T00:00:00.000Z',
    'content-type': 'application/json',
  })
})
