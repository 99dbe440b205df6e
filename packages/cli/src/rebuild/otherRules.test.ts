/** Events and facts of the epoch that is left, under the rules of the new one. */
import { describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import {
  type LoggedRevision,
  nextRevision,
  toRevisionDocument,
  type Document,
} from '@tributary/configuration'
import { type StoredErasure } from '@tributary/clickhouse-log'
import { Event, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Fact, FactKind } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { erasureFactId } from '@tributary/domain'
import { receivedAsErased } from './copyEvents.ts'
import { otherRules } from './otherRules.ts'
import { erasuresOf } from './tellErasures.ts'

const hash = (type: string, version: number, value: string) => `${type}/${version}/${value}`
const workspace = (region?: string) => ({
  kind: 'Workspace',
  id: 'shop',
  schema: 'tributary/v1',
  timeZone: 'UTC',
  ...(region && { region }),
})
const user = { type: 'user_id', strength: 'strong' }
const identity = (types: unknown[]) => ({ kind: 'Identity', id: 'default', types })

function revisionsOf(...given: { documents: unknown[]; layoutEpoch?: number }[]): LoggedRevision[] {
  const all: LoggedRevision[] = []
  for (const { documents, layoutEpoch } of given) {
    const revision = nextRevision(
      all.at(-1)?.revision,
      documents.map((each) => toRevisionDocument(each as Document, 'files')),
      { author: '', message: '', createdAtMs: 0, ...(layoutEpoch !== undefined && { layoutEpoch }) },
    )
    all.push({ offset: all.length, revision, accepted: true })
  }
  return all
}

const before = [workspace(), identity([user, { type: 'email', normalise: 'trim' }])]
const after = [workspace('FR'), identity([{ type: 'email' }, user, { type: 'phone' }])]
const stored = {
  valuesOf: (ids: readonly string[]) =>
    Promise.resolve(new Map(ids.filter((id) => id === 'email/1/B@x').map((id) => [id, 'B@x']))),
  async *erasures(): AsyncIterable<StoredErasure[]> {
    yield [{ partition: 0, offset: 1, appendedMs: 1, event: seen({ messageId: 'gone', erases: true }) }]
  },
}
const ports = {
  hashIdentifier: () => hash,
  phone: (value: string, region?: string) => (region === 'FR' ? `+33${value.slice(1)}` : undefined),
  stored,
}

function seen(more: Partial<Event> = {}): Event {
  const payload = { userId: 'u1', traits: { email: 'A@x', phone: '0612' } }
  return Event.fromPartial({
    messageId: 'm1',
    sourceId: 'web',
    type: EventType.EVENT_TYPE_IDENTIFY,
    anchor: 'user_id/1/u1',
    identifiers: [
      { type: 'user_id', value: 'u1', id: 'user_id/1/u1' },
      { type: 'email', value: 'A@x', id: 'email/1/A@x' },
    ],
    receivedTimeMs: 7,
    raw: Buffer.from(JSON.stringify(payload)),
    identityRules: 'other',
    ...more,
  })
}

const changed = revisionsOf({ documents: before }, { documents: after, layoutEpoch: 2 })
const rules = () => otherRules(changed, changed[1], 2, ports)

describe('events', () => {
  test('have the identifiers they would have had, and keep all else that identifies them', () => {
    const { identified } = rules()
    const event = identified!(seen())
    expect(event.identifiers.map(({ id }) => id)).toEqual(['email/1/a@x', 'user_id/1/u1', 'phone/1/+33612'])
    expect(event).toMatchObject({ anchor: 'email/1/a@x', messageId: 'm1', receivedTimeMs: 7 })
    expect(event.identityRules).not.toBe('other')
  })

  test('are taken as they are when no revision is for the new epoch, or it moves no anchor', () => {
    const same = revisionsOf({ documents: before })
    expect(otherRules(same, same[0], 2, ports).identified).toBeUndefined()
    const named = revisionsOf({ documents: before }, { documents: [...before], layoutEpoch: 2 })
    expect(otherRules(named, named[1], 2, ports).identified).toBeUndefined()
  })
})

describe('facts', () => {
  const fact = (id: string, ids: readonly [string, string][]): Fact => ({
    id,
    kind: FactKind.FACT_KIND_JOIN,
    members: ids.map(([type, each]) => ({ type, id: each })),
    retracts: '',
    actor: 'operator',
    reason: 'r',
    timeMs: 1,
  })

  test('name the same values under their new ids: by the value that was given, else by the log, else as they were', async () => {
    const given = fact('f1', [
      ['email', 'email/1/A@x'],
      ['email', 'email/1/B@x'],
      ['email', 'email/1/never-seen'],
    ])
    const subjects = given.members.map(({ type, id }, i) => ({ type, id, value: i === 0 ? 'A@x' : '' }))
    const [found] = await rules().facts([{ fact: given, subjects }])
    expect(found!.members.map(({ id }) => id)).toEqual(['email/1/a@x', 'email/1/b@x', 'email/1/never-seen'])
  })

  test('the erasure of a deleted row has the id that the tasks of the new epoch will give it', async () => {
    const id = (anchor: string) => erasureId(anchor)
    const [found] = await rules().facts([{ fact: fact(id('user_id/1/u1'), []), subjects: [] }])
    expect(found!.id).toBe(id('email/1/a@x'))
    // Under the same rules nothing is looked at.
    const same = revisionsOf({ documents: before })
    const given = fact(id('user_id/1/u1'), [])
    expect(await otherRules(same, same[0], 2, ports).facts([{ fact: given, subjects: [] }])).toEqual([given])
  })
})

function erasureId(anchor: string): string {
  return erasureFactId({ sourceId: 'web', messageId: 'gone' }, anchor, (text) =>
    createHash('sha256').update(text).digest('hex').slice(0, 32),
  )
}

test('each erasure of an identifier is a generation, told once, with the latest moment', () => {
  const erase = (id: string, timeMs: number, ...ids: string[]): Fact => ({
    id,
    kind: FactKind.FACT_KIND_ERASE,
    members: ids.map((each) => ({ type: 'user_id', id: each })),
    retracts: '',
    actor: '',
    reason: '',
    timeMs,
  })
  const again = erase('f1', 5, 'u1', 'u2')
  expect(erasuresOf([again, erase('f2', 3, 'u1'), again])).toEqual([
    { id: 'u1', type: 'user_id', generation: 2, untilMs: 5 },
    { id: 'u2', type: 'user_id', generation: 1, untilMs: 5 },
  ])
})

test('what stood before a deleted row in its partition was erased with it, also when both have one time', () => {
  const erased = new Map([['0|u1', [{ offset: 10, untilMs: 99 }]]])
  const at = (receivedTimeMs: number, offset: number, partition = 0, anchor = 'u1') =>
    receivedAsErased(erased, { anchor, receivedTimeMs }, { partition, offset })
  expect(at(100, 9)).toBe(99)
  expect(at(50, 9)).toBe(50)
  // After it, or somebody else’s.
  expect([at(100, 11), at(100, 9, 1), at(100, 9, 0, 'u2')]).toEqual([100, 100, 100])
})
