import { describe, expect, test } from '@jest/globals'
import { appendStamp, topics } from '@tributary/contracts'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import {
  DeliveryOutcome,
  DeliveryRecord,
  OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import {
  EvidenceClass,
  EvidenceRecord,
  FactKind,
} from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { ControlStep } from '@tributary/contracts/generated/tributary/job/v1/control'
import { START_MS, eventRecord, recordOf } from '../testing/records.ts'
import { audienceChangesTable } from './audienceChanges.ts'
import { configurationTable } from './configuration.ts'
import { deliveriesTable, deliveryOutcomesTable } from './deliveries.ts'
import { eventsTable } from './events.ts'
import { evidenceTable } from './evidence.ts'
import { identityChangesTable } from './identityChanges.ts'
import { logTableOf, logTables } from './logTables.ts'
import { profileChangesTable } from './profileChanges.ts'
import { rejectedTable } from './rejected.ts'
import { RowWriter } from './rowWriter.ts'
import { skippedTable } from './skipped.ts'

const place = { topic: 'internal.events.v1', partition: 3 }
const stamp = { epoch: 1, writer: 'fragment-3', seq: 12 }

describe('events', () => {
  test('an event keeps its position, its times and its exact bytes', () => {
    const raw = Buffer.from([0, 255, 254, 123, 10])
    const row = eventsTable.rowOf(place, eventRecord(7, { raw }))
    expect(row).toMatchObject({
      topic: 'internal.events.v1',
      partition: 3,
      offset: 7,
      appended: START_MS + 7,
      record: 'event',
      source: 'web',
      type: 'track',
      name: 'Order Completed',
      identifier_types: ['user_id', 'email'],
      identifier_ids: ['a'.repeat(32), 'b'.repeat(32)],
      time: START_MS,
      original_time: START_MS - 5,
      sent_time: undefined,
      received: START_MS + 10,
      time_flags: ['uncorrected'],
      payload: '',
      trusted: true,
    })
    expect((row as { raw: Uint8Array }).raw).toEqual(raw)
  })

  test('a time that no table can hold is flagged as clamped', () => {
    const row = eventsTable.rowOf(place, eventRecord(1, { timeMs: -1e14 }))
    expect(row).toMatchObject({ time_flags: ['uncorrected', 'clamped'] })
  })

  test('a control record is a row of its own kind, so that offsets stay contiguous', () => {
    const control = {
      job: 4,
      document: 'trait/orders',
      hash: 'h',
      configOffset: 4,
      step: ControlStep.CONTROL_STEP_ADOPT,
      partitions: 12,
      definition: '{}',
    }
    const value = EventRecord.encode({ record: { $case: 'control', value: control } }).finish()
    const row = eventsTable.rowOf(place, recordOf(8, value))
    expect(row).toMatchObject({ record: 'control', source: '', offset: 8 })
    expect(JSON.parse((row as { control: string }).control)).toMatchObject({ document: 'trait/orders' })
  })

  test.each([
    ['no protobuf', Buffer.from('not protobuf at all')],
    ['no value', null],
    ['an unknown record', Buffer.from([0x7a, 0x00])],
  ])('%s is unreadable, with a reason', (_name, value) => {
    const out = new RowWriter()
    expect(eventsTable.write(out, place, recordOf(1, value))).toEqual(expect.any(String))
    expect(out.length).toBe(0)
  })
})

test('rejected: the whole input comes back from base64', () => {
  const input = Buffer.from([0xff, 0x00, 0x41])
  const value = JSON.stringify({
    code: 'invalid_json',
    message: 'no JSON',
    source: 'pos',
    receivedAt: new Date(START_MS).toISOString(),
    input: input.toString('base64'),
    origin: 'kafka:till:0:9',
    position: { topic: 'till', partition: 0, offset: 9 },
  })
  expect(rejectedTable.rowOf(place, recordOf(2, value))).toMatchObject({
    code: 'invalid_json',
    source: 'pos',
    received: START_MS,
    input,
    message_id: '',
    position_topic: 'till',
    position_offset: 9,
  })
})

test('skipped: reason, place of the event, and the stamp', () => {
  const skipped = Skipped.encode(
    Skipped.fromPartial({
      topic: 'internal.events.v1',
      partition: 3,
      offset: 90,
      reason: SkipReason.SKIP_REASON_NO_IDENTIFIER,
      sourceId: 'web',
      messageId: 'm1',
    }),
  ).finish()
  expect(skippedTable.rowOf(place, recordOf(5, appendStamp(skipped, stamp)))).toMatchObject({
    ...stamp,
    event_topic: 'internal.events.v1',
    event_partition: 3,
    event_offset: 90,
    reason: 'no_identifier',
  })
})

test('a reason of a newer version is kept as a number', () => {
  const bytes = Buffer.from([0x20, 0x63])
  expect(skippedTable.rowOf(place, recordOf(5, bytes))).toMatchObject({ reason: 'unknown_99' })
})

test('a value that does not fit its column is set aside rather than written wrongly', () => {
  const skipped = Skipped.encode(Skipped.fromPartial({ partition: -1 })).finish()
  const out = new RowWriter()
  expect(skippedTable.write(out, place, recordOf(5, skipped))).toContain('does not fit')
  expect(out.length).toBe(0)
})

describe('evidence', () => {
  const encode = (record: EvidenceRecord['record']) =>
    recordOf(1, appendStamp(EvidenceRecord.encode({ record }).finish(), { ...stamp, writer: 'extractor-0' }))

  test('evidence', () => {
    const value = {
      id: 'e1',
      class: EvidenceClass.EVIDENCE_CLASS_CO_OCCURRENCE,
      sourceId: 'web',
      members: [
        { type: 'user_id', id: 'i1' },
        { type: 'email', id: 'i2' },
      ],
      firstTimeMs: START_MS,
      messageId: 'm1',
      receivedTimeMs: START_MS,
    }
    expect(evidenceTable.rowOf(place, encode({ $case: 'evidence', value }))).toMatchObject({
      record: 'evidence',
      class: 'co_occurrence',
      member_ids: ['i1', 'i2'],
      writer: 'extractor-0',
      fact_time: undefined,
    })
  })

  test('a fact', () => {
    const value = {
      id: 'f1',
      kind: FactKind.FACT_KIND_SEPARATE,
      members: [],
      retracts: '',
      actor: 'desk',
      reason: 'twins',
      timeMs: START_MS,
    }
    expect(evidenceTable.rowOf(place, encode({ $case: 'fact', value }))).toMatchObject({
      record: 'fact',
      fact: 'separate',
      actor: 'desk',
      fact_time: START_MS,
    })
  })

  test('the erasure a deleted row asks for', () => {
    const value = {
      factId: 'erase:1',
      member: { type: 'user_id', id: 'i1' },
      sourceId: 'crm',
      messageId: 'm1',
      receivedUntilMs: START_MS,
    }
    expect(evidenceTable.rowOf(place, encode({ $case: 'erasure', value }))).toMatchObject({
      record: 'fact',
      id: 'erase:1',
      fact: 'erase',
      member_ids: ['i1'],
      actor: 'source crm',
      message_id: 'm1',
      fact_time: START_MS,
    })
  })

  test('rules', () => {
    const value = {
      configOffset: 3,
      types: [],
      owner: 1,
      hash: 'h9',
      blocked: [{ type: 'email', id: 'i9' }],
    } as const
    const row = evidenceTable.rowOf(
      place,
      encode({ $case: 'rules', value: { ...value, types: [], blocked: [...value.blocked] } }),
    )
    expect(row).toMatchObject({ record: 'rules', rules_hash: 'h9', member_ids: ['i9'] })
    expect(JSON.parse((row as { rules: string }).rules)).toMatchObject({ configOffset: 3 })
  })
})

const version = '0001-000000000000000042'

test('profile changes: n comes from the version, seq from ce_id, and the bytes stay as they are', () => {
  const value =
    `{"op":"u","profileId":"p-0","version":"${version}","previousVersion":null,"time":"2026-03-01T12:00:00.000Z",` +
    `"changed":["traits.n"],"before":{},"after":{"traits.n":12345678901234567890},"mergedFrom":["q-0"],` +
    `"causedBy":{"reason":"event","messageIds":["m1"],"sources":["web"]},"rules":{"trait/n":"h"}}`
  const headers = {
    ce_id: '0001-profile-changes-3-77',
    ce_type: Buffer.from('dev.tributary.profile.updated.v1'),
  }
  expect(profileChangesTable.rowOf(place, recordOf(3, value, { headers }))).toMatchObject({
    epoch: 1,
    seq: 77,
    ce_type: 'dev.tributary.profile.updated.v1',
    op: 'u',
    n: 42,
    previous_version: '',
    changed: ['traits.n'],
    merged_from: ['q-0'],
    message_ids: ['m1'],
    rules: { 'trait/n': 'h' },
    value: Buffer.from(value),
  })
})

test('audience changes', () => {
  const value = JSON.stringify({
    audience: 'vip',
    profileId: 'p-0',
    change: 'entered',
    version,
    time: '2026-03-01T12:00:00.000Z',
    reason: 'event',
    because: [],
    causedBy: { messageIds: ['m1'], sources: ['web'] },
    rules: {},
  })
  expect(audienceChangesTable.rowOf(place, recordOf(3, value))).toMatchObject({
    audience: 'vip',
    change: 'entered',
    n: 42,
    seq: 0,
  })
})

test('a public change without a version is unreadable', () => {
  expect(profileChangesTable.rowOf(place, recordOf(3, '{"version":"7"}'))).toHaveProperty('unreadable')
  expect(audienceChangesTable.rowOf(place, recordOf(3, '[]'))).toHaveProperty('unreadable')
})

test('identity changes: each move in its place', () => {
  const value = JSON.stringify({
    changeId: 'c1',
    kind: 'merge',
    chunk: 0,
    chunks: 1,
    time: '2026-03-01T12:00:00.000Z',
    moves: [{ identifierId: 'i1', type: 'email', from: 'p-0', to: 'q-0' }],
    cause: { evidenceId: 'e1', messageId: 'm1', source: 'web' },
  })
  expect(identityChangesTable.rowOf(place, recordOf(3, value))).toMatchObject({
    kind: 'merge',
    move_ids: ['i1'],
    move_from: ['p-0'],
    move_to: ['q-0'],
    evidence_id: 'e1',
  })
})

test('deliveries and their outcomes', () => {
  const delivery = DeliveryRecord.encode(
    DeliveryRecord.fromPartial({
      delivery: { id: 'd1', destinationId: 'crm', body: '{"a":1}', createdTimeMs: START_MS },
    }),
  ).finish()
  expect(deliveriesTable.rowOf(place, recordOf(1, appendStamp(delivery, stamp)))).toMatchObject({
    id: 'd1',
    destination: 'crm',
    body: '{"a":1}',
    seq: 12,
  })
  const outcome = DeliveryOutcome.encode(
    DeliveryOutcome.fromPartial({ deliveryId: 'd1', kind: OutcomeKind.OUTCOME_KIND_DEAD, status: 410 }),
  ).finish()
  expect(deliveryOutcomesTable.rowOf(place, recordOf(1, appendStamp(outcome, stamp)))).toMatchObject({
    delivery_id: 'd1',
    kind: 'dead',
    status: 410,
  })
})

test('configuration: a revision with its documents', () => {
  const value = Revision.encode(
    Revision.fromPartial({
      revision: 2,
      parent: 1,
      author: 'a',
      createdAt: new Date(START_MS),
      documents: [{ kind: 'Trait', id: 't', json: '{}', hash: 'h', managedBy: 'files' }],
    }),
  ).finish()
  expect(configurationTable.rowOf(place, recordOf(1, value))).toMatchObject({
    revision: 2,
    created: START_MS,
    document_kinds: ['Trait'],
    document_owners: ['files'],
  })
})

test('every table is found by its topic, and a topic without one is an error that says where to look', () => {
  for (const table of logTables) expect(logTableOf(table.topic)).toBe(table)
  expect(() => logTableOf(topics.profiles)).toThrow('logTables.ts')
})
