/** What a profile task has in force when it has adopted these documents: for a fold of the log by the same rules. */
import { type Document, type TraitDocument, traitAggregate } from '@tributary/configuration'
import {
  type AudienceInForce,
  type ComputedTrait,
  type JudgedProfile,
  type KeptAggregates,
  type OwnedAggregate,
  type Preferences,
  type Profile,
  compileAudience,
  inReadingOrder,
  judgedProfile,
  keepAggregates,
} from '@tributary/domain'

export interface DocumentsAsFolded {
  readonly preferences: Preferences
  readonly kept: KeptAggregates
  readonly computed: readonly ComputedTrait[]
  /** Each after those it reads. */
  readonly audiences: readonly AudienceInForce[]
  readonly judged: (profileId: string, profile: Profile, nowMs: number) => JudgedProfile
}

/** Everything is counted from the first event on, so which job would have adopted it does not matter. */
const JOB = 0

export function documentsAsFolded(documents: readonly Document[]): DocumentsAsFolded {
  const traits = documents.filter((each): each is TraitDocument => each.kind === 'Trait')
  const computed = traits.flatMap((trait): ComputedTrait[] => {
    const aggregate = traitAggregate(trait, '')
    return aggregate ? [{ id: trait.id, aggregate, job: JOB }] : []
  })
  const audiences = documents.flatMap((each): AudienceInForce[] =>
    each.kind === 'Audience'
      ? [
          {
            id: each.id,
            disabled: each.disabled ?? false,
            compiled: compileAudience(each.where, (text) => text),
          },
        ]
      : [],
  )
  const owned = new Map<string, OwnedAggregate>()
  for (const definition of [
    ...computed.map(({ aggregate }) => aggregate),
    ...audiences.flatMap(({ compiled }) => compiled.aggregates),
  ])
    owned.set(`${definition.document}@${definition.hash}`, { definition, job: JOB })
  return {
    preferences: new Map(traits.flatMap(({ id, prefer }) => (prefer ? [[id, prefer] as const] : []))),
    kept: keepAggregates([...owned.values()]),
    computed,
    audiences: inReadingOrder(audiences),
    judged: (profileId, profile, nowMs) =>
      judgedProfile(profile, { profileId, computed, jobOf: () => JOB, nowMs }),
  }
}
