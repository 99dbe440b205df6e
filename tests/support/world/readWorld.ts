/** A world as the resolver sees it: evidence and facts in their order of arrival, by the rules of identifiers. */
import { createHash } from 'node:crypto'
import {
  type Evidence,
  type Fact,
  type IdentityRules,
  type Json,
  type ResolverRules,
  defaultIdentifierRules,
  defaultResolverRules,
  extractEvidence,
  findIdentifiers,
  identifierOfType,
  prepareRules,
} from '@tributary/domain'
import type { World, WorldEvent } from './createWorld.ts'

export type WorldInput =
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  | { readonly kind: 'fact'; readonly fact: Fact }

export interface ReadEvent {
  readonly person: number
  /** Identifier ids, strongest first: the first is the anchor. Empty for an event without any. */
  readonly identifiers: readonly string[]
}

export interface ReadWorld {
  readonly inputs: readonly WorldInput[]
  /** One per message. */
  readonly events: readonly ReadEvent[]
  /** What each identifier id stands for, for people. */
  readonly names: ReadonlyMap<string, string>
}

/** The defaults, with the cards of the shop as a second strong type. */
export const worldIdentifierRules: IdentityRules = {
  types: defaultIdentifierRules.flatMap((rule) =>
    rule.type === 'user_id'
      ? [rule, { ...rule, type: 'loyalty_id', from: ['traits.loyalty_id', 'context.traits.loyalty_id'] }]
      : [rule],
  ),
  placeholders: { values: [], patterns: [] },
  blocked: [],
  hash: 'world',
}

export function worldResolverRules(owner: ResolverRules['owner']): ResolverRules {
  const types = defaultResolverRules.types.flatMap((each) =>
    each.type === 'user_id' ? [each, { ...each, type: 'loyalty_id' }] : [each],
  )
  return { types, owner, blocked: [], hash: `world-${owner}` }
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

export type HashWorldIdentifier = (type: string, version: number, value: string) => string

export function readWorld(
  world: World,
  hash: HashWorldIdentifier = (type, version, value) => digest(`${type} ${version} ${value}`),
): ReadWorld {
  const rules = prepareRules(worldIdentifierRules, { hashIdentifier: hash, phone: () => undefined })
  const names = new Map<string, string>()
  const events = new Map<string, ReadEvent>()
  const inputs: { readonly atMs: number; readonly input: WorldInput }[] = []
  for (const each of world.events) {
    const { identifiers, previous } = identifiersOf(each, rules)
    for (const found of identifiers) names.set(found.id, `${found.type}:${found.value}`)
    if (previous) names.set(previous.id, `${previous.type}:${previous.value}`)
    events.set(each.body.messageId, {
      person: each.person,
      identifiers: identifiers.map((found) => found.id),
    })
    const evidence = extractEvidence(
      {
        type: each.body.type,
        identifiers,
        previous,
        sourceId: 'web',
        messageId: each.body.messageId,
        timeMs: each.timeMs,
        receivedTimeMs: each.arrivesMs,
        trusted: each.trusted,
      },
      digest,
    )
    for (const found of evidence)
      inputs.push({ atMs: each.arrivesMs, input: { kind: 'evidence', evidence: found } })
  }
  for (const said of world.facts) {
    const fact: Fact = {
      id: said.id,
      kind: said.kind,
      members: said.users.map((value) => ({ type: 'user_id', id: hash('user_id', 1, value) })),
      actor: 'operator',
      reason: 'one customer with two accounts',
      timeMs: said.timeMs,
    }
    inputs.push({ atMs: said.timeMs, input: { kind: 'fact', fact } })
  }
  inputs.sort((a, b) => a.atMs - b.atMs)
  return { inputs: inputs.map((each) => each.input), events: [...events.values()], names }
}

function identifiersOf({ body }: WorldEvent, rules: ReturnType<typeof prepareRules>) {
  const event = body as unknown as Json
  const exact = (): Json => event
  const { identifiers } = findIdentifiers(event, rules, { max: 20, isGroup: false, exact })
  const previous =
    body.previousId === undefined
      ? undefined
      : identifierOfType(body.previousId, 'user_id', rules, () => body.previousId)
  return { identifiers, previous }
}
