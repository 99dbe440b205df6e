import { expect, test } from '@jest/globals'
import { type AcceptedEvent, admitEvent, defaultEventLimits } from './admitEvent.ts'
import { prepareRules } from './identifiers.ts'
import { defaultIdentifierRules, type IdentifierRule } from './identityRules.ts'
import { identifyAgain } from './identifyAgain.ts'
import { readSingle } from './readBody.ts'

const ports = {
  hashIdentifier: (type: string, version: number, value: string) => `${type}/${version}/${value}`,
  phone: (value: string) => (value.startsWith('+') ? value : undefined),
}
const digest = (parts: readonly string[]) => parts.join('|')
const before = prepareRules(
  { types: defaultIdentifierRules, placeholders: { values: [], patterns: [] }, blocked: [], hash: 'before' },
  ports,
)
const byEmail: readonly IdentifierRule[] = [
  defaultIdentifierRules.find(({ type }) => type === 'email')!,
  { ...defaultIdentifierRules.find(({ type }) => type === 'user_id')!, pattern: 'u[0-9]+' },
  {
    type: 'card',
    strength: 'weak',
    maxPerProfile: 5,
    normaliser: 'trim',
    normaliserVersion: 1,
    from: ['properties.card'],
  },
]
const after = prepareRules(
  { types: byEmail, placeholders: { values: ['till'], patterns: [] }, blocked: [], hash: 'after' },
  ports,
)

function admitted(text: string, rules: typeof before): AcceptedEvent {
  const item = readSingle(Buffer.from(text))
  if ('code' in item) throw new Error(item.message)
  const circumstances = {
    sourceId: 'web',
    trusted: true,
    epoch: 1,
    rules,
    limits: defaultEventLimits,
    zone: undefined,
    digest,
  }
  const verdict = admitEvent(item, circumstances, { origin: 'o', receivedMs: 1, newMessageId: () => 'made' })
  if (!('accepted' in verdict)) throw new Error(verdict.rejected.message)
  return verdict.accepted
}

test.each([
  ['an e-mail before a user', { userId: 'u1', traits: { email: 'A@Shop.example' } }],
  ['a value that no longer fits its pattern', { userId: 'guest', anonymousId: 'a1' }],
  ['a type that is new', { anonymousId: 'a1', properties: { card: 9007199254740992 } }],
  ['a placeholder that is new', { userId: 'u1', properties: { card: 'Till' } }],
  ['nothing that identifies', { anonymousId: 'a1' }],
  ['another person of an alias', { type: 'alias', userId: 'u1', previousId: 'u2' }],
  [
    'a group whose traits are not the person’s',
    { type: 'group', groupId: 'g', traits: { email: 'g@x.example' } },
  ],
  ['ids of other systems', { context: { externalIds: [{ type: 'card', id: 'c1', collection: 'users' }] } }],
  [
    'text that is not canonical',
    { userId: 'u1', context: { traits: { email: 'b@x.example', x: '\ud800' } } },
  ],
])('an event with %s is whose it would be had it been accepted under these rules', (_what, event) => {
  const text = JSON.stringify({ type: 'track', event: 'E', messageId: 'm1', ...event }).replace(
    '9007199254740992',
    '9007199254740993',
  )
  const stored = admitted(text, before)
  const expected = admitted(text, after)
  const again = identifyAgain(
    { ...stored, text: Buffer.from(stored.payload ?? stored.raw).toString() },
    after,
    digest,
  )
  expect(again).toEqual({
    anchor: expected.anchor,
    identifiers: expected.identifiers,
    previous: expected.previous,
  })
})
