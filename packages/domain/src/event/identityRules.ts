/**
 * The rules by which values become identifiers and one of them the anchor. They come from the Identity document.
 *
 * What can move an anchor (order of types, where they are found, normalisers, validators, placeholders) has a hash,
 * which every event carries: two events with the same bytes and the same hash have the same anchor.
 */
export type NormaliserName = 'email' | 'phone' | 'trim'

/**
 * Version of each normaliser's behaviour; it is inside the hash of every identifier. Any change of what a
 * normaliser gives for any input needs a new number, and a rebuild.
 */
export const normaliserVersions: Readonly<Record<NormaliserName, number>> = { email: 1, phone: 1, trim: 1 }

export interface IdentifierRule {
  /** For example user_id, email, loyalty_id. */
  readonly type: string
  /** Two values of one strong type are two known persons. */
  readonly strength: 'strong' | 'weak'
  /** How many values of this type one profile may hold. */
  readonly maxPerProfile: number
  /** Weak types: seen with more distinct values of one strong type than this, it is shared and stops linking. */
  readonly sharedAfter?: number
  readonly normaliser: NormaliserName
  readonly normaliserVersion: number
  /** Regular expression (flag u) that the whole normalised value must match; anything goes when absent. */
  readonly pattern?: string
  /** Paths in the event where values of this type are found; context.externalIds are always looked at too. */
  readonly from: readonly string[]
}

export interface PlaceholderRules {
  /** Values that are no identifier, in any case and any quotes, beside the built-in ones. */
  readonly values: readonly string[]
  /** Regular expressions (flags iu) that the trimmed value must not match. */
  readonly patterns: readonly string[]
}

export interface BlockedIdentifier {
  readonly type: string
  /** Normalised by the type's own rule before it is compared. */
  readonly value: string
}

export interface IdentityRules {
  /** Strongest first. */
  readonly types: readonly IdentifierRule[]
  readonly placeholders: PlaceholderRules
  /** Values that count as never seen. Changing them moves anchors by a job, not by a rebuild: not in the hash. */
  readonly blocked: readonly BlockedIdentifier[]
  /** Hash of `anchorRulesText`. */
  readonly hash: string
}

/** Where the values of a type are found when its rule does not say. */
export function defaultPaths(type: string): readonly string[] {
  switch (type) {
    case 'user_id':
      return ['userId']
    case 'anonymous_id':
      return ['anonymousId']
    case 'device_id':
      return ['context.device.id']
    default:
      return [`traits.${type}`, `context.traits.${type}`]
  }
}

/** The types of identity.md when there is no Identity document. */
export const defaultIdentifierRules: readonly IdentifierRule[] = [
  rule({ type: 'user_id', strength: 'strong', maxPerProfile: 1, normaliser: 'trim' }),
  rule({ type: 'email', strength: 'weak', maxPerProfile: 5, sharedAfter: 3, normaliser: 'email' }),
  rule({ type: 'phone', strength: 'weak', maxPerProfile: 5, sharedAfter: 3, normaliser: 'phone' }),
  rule({ type: 'device_id', strength: 'weak', maxPerProfile: 50, sharedAfter: 3, normaliser: 'trim' }),
  rule({ type: 'anonymous_id', strength: 'weak', maxPerProfile: 50, sharedAfter: 3, normaliser: 'trim' }),
]

function rule(given: Omit<IdentifierRule, 'normaliserVersion' | 'from'>): IdentifierRule {
  return {
    ...given,
    normaliserVersion: normaliserVersions[given.normaliser],
    from: defaultPaths(given.type),
  }
}

/**
 * Everything that can move an anchor, as one text; its hash is the rules' hash. Limits and `sharedAfter` are not in
 * it: they are learned, and the anchor must not depend on what has arrived.
 */
export function anchorRulesText(rules: Omit<IdentityRules, 'hash'>): string {
  return JSON.stringify({
    types: rules.types.map((each) => [
      each.type,
      each.normaliser,
      each.normaliserVersion,
      each.pattern ?? null,
      each.from,
    ]),
    placeholders: [[...rules.placeholders.values].sort(), [...rules.placeholders.patterns].sort()],
  })
}
