import { createHash } from 'node:crypto'
import { OwnerPolicy, type Rules } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  anchorRulesText,
  defaultIdentifierRules,
  defaultPaths,
  normaliseIdentifier,
  normaliserVersions,
  type HashIdentifier,
  type IdentifierRule,
  type IdentityRules,
  type NormalisePhone,
} from '@tributary/domain'
import type { IdentifierTypeRule, IdentityDocument } from './model/index.ts'

/** Ids of devices and browsers: many per person. Other weak types (e-mail, phone, ids of other systems): few. */
const deviceTypes = new Set(['anonymous_id', 'device_id'])

/** What a type has when its rule does not say (identity.md, Identifiers). */
function withDefaults(given: IdentifierTypeRule): IdentifierRule {
  const strength = given.strength ?? 'weak'
  const normaliser =
    given.normalise ?? (given.type === 'email' ? 'email' : given.type === 'phone' ? 'phone' : 'trim')
  const maxPerProfile =
    given.maxPerProfile ?? (strength === 'strong' ? 1 : deviceTypes.has(given.type) ? 50 : 5)
  return {
    type: given.type,
    strength,
    maxPerProfile,
    ...(strength === 'weak' && { sharedAfter: given.sharedAfter ?? 3 }),
    normaliser,
    normaliserVersion: normaliserVersions[normaliser],
    ...(given.pattern !== undefined && { pattern: given.pattern }),
    from: given.from ?? defaultPaths(given.type),
  }
}

/** The Identity document as events are read under it; the defaults when there is none. */
export function identityRules(document: IdentityDocument | undefined): IdentityRules {
  const rules = {
    types: document ? document.types.map(withDefaults) : defaultIdentifierRules,
    placeholders: {
      values: document?.placeholders?.values ?? [],
      patterns: document?.placeholders?.patterns ?? [],
    },
    blocked: document?.blocked ?? [],
  }
  return { ...rules, hash: createHash('sha256').update(anchorRulesText(rules)).digest('hex').slice(0, 16) }
}

/** What the resolver needs of the rules; `blocked` are the identifier ids of blocked values (their hash needs the workspace key). */
export function resolverRules(
  document: IdentityDocument | undefined,
  configOffset: number,
  hash: string,
  blocked: readonly { type: string; id: string }[],
): Rules {
  return {
    configOffset,
    types: identityRules(document).types.map((rule) => ({
      type: rule.type,
      strong: rule.strength === 'strong',
      maxPerProfile: rule.maxPerProfile,
      sharedAfter: rule.sharedAfter ?? 0,
    })),
    owner: document?.owner === 'nobody' ? OwnerPolicy.OWNER_POLICY_NOBODY : OwnerPolicy.OWNER_POLICY_FIRST,
    hash,
    blocked: [...blocked],
  }
}

/** The identifier ids of blocked values; a value that is none of its type is left out. */
export function blockedIds(
  { types, blocked }: Pick<IdentityRules, 'types' | 'blocked'>,
  { hash, phone }: { readonly hash: HashIdentifier; readonly phone: NormalisePhone },
): { type: string; id: string }[] {
  return blocked.flatMap(({ type, value }) => {
    const rule = types.find((each) => each.type === type)
    if (!rule) return []
    const normalised = normaliseIdentifier(rule.normaliser, value, phone)
    return 'value' in normalised ? [{ type, id: hash(type, rule.normaliserVersion, normalised.value) }] : []
  })
}
