import { expect, test } from '@jest/globals'
import { cloudEventHeaders } from './cloudEvents.ts'
import { topics } from './topics.ts'

test('a record of a public topic has the headers of CloudEvents in binary mode, with an id a replay repeats', () => {
  expect(
    cloudEventHeaders({
      topic: topics.profileChanges,
      epoch: 1,
      partition: 3,
      seq: 77,
      type: 'dev.tributary.profile.updated.v1',
      source: 'profile-store',
      subject: 'p1',
      timeMs: 0,
    }),
  ).toEqual({
    ce_specversion: '1.0',
    ce_id: '0001-profile-changes-3-77',
    ce_type: 'dev.tributary.profile.updated.v1',
    ce_source: '/tributary/profile-store',
    ce_subject: 'p1',
    ce_time: '1970-01-01T00:00:00.000Z',
    'content-type': 'application/json',
  })
})
