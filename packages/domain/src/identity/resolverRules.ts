import { defaultIdentifierRules } from '../event/identityRules.ts'
import { type EvidenceMember } from './evidence.ts'

/** The Identity document as the resolver sees it. */
export interface ResolverRules {
  /** Strongest first. */
  readonly types: readonly ResolverTypeRule[]
  /** Who a weak identifier belongs to that has been seen with several known users, while it is not yet shared. */
  readonly owner: 'first' | 'nobody'
  readonly blocked: readonly EvidenceMember[]
  /** Hash of the document. */
  readonly hash: string
}

export interface ResolverTypeRule {
  readonly type: string
  readonly strong: boolean
  /** At most so many in one profile; 0 = no limit. */
  readonly maxPerProfile: number
  /** Seen with more distinct values of one strong type than this, a weak identifier is shared; 0 = never by that. */
  readonly sharedAfter: number
}

/** 5,000 rows of evidence: more than any person or device makes, and what one look at an identifier may cost. */
export const MAX_EVIDENCE_ROWS = 5_000

export const defaultResolverRules: ResolverRules = {
  types: defaultIdentifierRules.map((rule) => ({
    type: rule.type,
    strong: rule.strength === 'strong',
    maxPerProfile: rule.maxPerProfile,
    sharedAfter: rule.sharedAfter ?? 0,
  })),
  owner: 'first',
  blocked: [],
  hash: '',
}

/** Rules made ready for use. */
export interface ReadyRules {
  readonly owner: 'first' | 'nobody'
  /** A type that the rules do not know (any more) is the weakest, with the cautious limits of an anonymous id. */
  readonly ruleOf: (type: string) => ResolverTypeRule
  readonly isBlocked: (identifierId: string) => boolean
  /** Best first: by type, then by id. Total, and a function of the rules only. */
  readonly compare: (a: EvidenceMember, b: EvidenceMember) => number
  readonly compareTypes: (a: string, b: string) => number
  /** At most so many of a type in one profile; of a strong type one when the rules do not say. */
  readonly limitOf: (type: string) => number
}

export function readyRules(rules: ResolverRules): ReadyRules {
  const ranks = new Map(rules.types.map((each, rank) => [each.type, rank]))
  const known = new Map(rules.types.map((each) => [each.type, each]))
  const blocked = new Set(rules.blocked.map((each) => each.id))
  const ruleOf = (type: string): ResolverTypeRule =>
    known.get(type) ?? { type, strong: false, maxPerProfile: 50, sharedAfter: 3 }
  const compareTypes = (a: string, b: string): number =>
    a === b ? 0 : (ranks.get(a) ?? ranks.size) - (ranks.get(b) ?? ranks.size) || (a < b ? -1 : 1)
  return {
    owner: rules.owner,
    ruleOf,
    compareTypes,
    isBlocked: (identifierId) => blocked.has(identifierId),
    compare: (a, b) => compareTypes(a.type, b.type) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
    limitOf: (type) => {
      const rule = ruleOf(type)
      return rule.maxPerProfile > 0 ? rule.maxPerProfile : rule.strong ? 1 : Number.POSITIVE_INFINITY
    },
  }
}
