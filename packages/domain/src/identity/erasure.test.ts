import { expect, test } from '@jest/globals'
import { type IdentifiedEvent } from './extractEvidence.ts'
import { erasureFactId, erasureFacts, erasureOf, isRowErasure } from './erasure.ts'
import { createScenario } from './testing/identityScenario.ts'

const digest = (text: string): string => `h(${text})`
const event: IdentifiedEvent = {
  type: 'identify',
  identifiers: [
    { type: 'user_id', id: 'u1' },
    { type: 'email', id: 'e1' },
  ],
  sourceId: 'crm',
  messageId: 'm1',
  timeMs: 5,
  receivedTimeMs: 1_000,
  trusted: true,
}
const erasure = erasureOf(event, 2_000, digest)!

test('a deleted row is about its strongest identifier, and all that was received before it', () => {
  expect(erasure).toEqual({
    factId: 'erase:h(u1|m1|crm)',
    member: { type: 'user_id', id: 'u1' },
    sourceId: 'crm',
    messageId: 'm1',
    receivedUntilMs: 999,
  })
  expect(erasureFactId(event, 'u1', digest)).toBe(erasure.factId)
  expect(isRowErasure(erasure.factId)).toBe(true)
  expect(erasureOf({ ...event, identifiers: [] }, 2_000, digest)).toBeUndefined()
})

test('a producer whose clock is ahead erases nothing that is yet to come', () => {
  expect(erasureOf({ ...event, receivedTimeMs: 9_999_999 }, 2_000, digest)!.receivedUntilMs).toBe(1_999)
})

test('everyone of the profile goes, and nobody else', () => {
  const scenario = createScenario()
  scenario.saw(['u1', 'a1'], 1)
  scenario.saw(['u1', 'e1'], 2)
  // The e-mail of the row belongs to somebody else by now.
  scenario.saw(['u2', 'e2'], 3)
  const [fact, ...more] = erasureFacts(scenario.rows, erasure)
  expect(more).toEqual([])
  expect(fact).toMatchObject({ id: erasure.factId, kind: 'erase', actor: 'source crm', timeMs: 999 })
  expect(fact!.members.map(({ id }) => id)).toEqual(['u1', 'a1', 'e1'])
})

test('somebody nobody has heard of is erased all the same: there may be events', () => {
  expect(erasureFacts(createScenario().rows, erasure)).toMatchObject([
    { members: [{ type: 'user_id', id: 'u1' }] },
  ])
})

test('the same deletion read twice is one erasure', () => {
  const scenario = createScenario()
  const [fact] = erasureFacts(scenario.rows, erasure)
  scenario.rows.facts.put(fact!.id, fact!)
  expect(erasureFacts(scenario.rows, erasure)).toEqual([])
})

test('a thicket comes in facts of a bounded size, the row’s own identifier first', () => {
  const scenario = createScenario()
  for (let i = 0; i < 1_500; i++) scenario.rows.membersOf.put(`u1|a${i}`, true)
  const type = 'anonymous_id'
  for (let i = 0; i < 1_500; i++) scenario.rows.identifiers.put(`a${i}`, { type } as never)
  const facts = erasureFacts(scenario.rows, erasure)
  expect(facts.map(({ id, members }) => [id, members.length])).toEqual([
    [erasure.factId, 1_000],
    [`${erasure.factId}:1`, 501],
  ])
  expect(facts[0]!.members[0]!.id).toBe('u1')
})
