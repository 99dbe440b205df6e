/** What is in force in a profile task: computed traits, audiences, preferences. */
import {
  type AudienceInForce,
  type AudienceIndex,
  type ComputedTrait,
  type OwnedAggregate,
  type Preferences,
  type JudgedProfile,
  type Profile,
  type Window,
  indexAudiences,
  inReadingOrder,
  judgedProfile,
} from '@tributary/domain'
import { type TraitDocument, traitAggregate } from '@tributary/configuration'
import { type StepContext } from '@tributary/stream-runtime'
import {
  type AdoptedDocument,
  type ReadableState,
  allRows,
  compiledAudience,
  hashText,
  ownedAggregates,
} from '../adoption.ts'
import { type PreferRow, preferRows, profileAdoption } from './profileRows.ts'

export interface HashedAudience extends AudienceInForce {
  readonly hash: string
  /** Number of the revision that brought it in this form; 0: not known. */
  readonly revision: number
}

/** Changes with what places in an index mean: what was kept under another form of it is not read. */
const INDEX_FORM = 1

export interface Definitions {
  readonly preferences: Preferences
  readonly computed: readonly ComputedTrait[]
  /** Names all of this: what was judged under the same name was judged by the same rules. */
  readonly name: string
  /** Aggregates that change though nothing happens, by "<document>@<hash>". */
  readonly windowed: ReadonlyMap<string, OwnedAggregate>
  /** Windows in which an event of any name is looked for. */
  readonly activity: readonly Window[]
  /** Each after those it reads. */
  readonly audiences: readonly HashedAudience[]
  readonly index: () => AudienceIndex<HashedAudience>
  readonly judged: (profileId: string, profile: Profile, nowMs: number) => JudgedProfile
  /** The documents the changed paths were computed under. */
  readonly rulesOf: (changed: readonly string[]) => Record<string, string>
}

export function readDefinitions(state: ReadableState): Definitions {
  const prefer: PreferRow = state.table(preferRows).get('prefer') ?? {}
  const owned = ownedAggregates(state, profileAdoption)
  const jobs = new Map(owned.map(({ definition, job }) => [`${definition.document}@${definition.hash}`, job]))
  const inForce = newest(allRows(state.table(profileAdoption.adopted)))
  const underName = hashText(
    JSON.stringify([
      INDEX_FORM,
      inForce.map(({ document, hash }) => `${document}@${hash}`),
      owned.map(({ definition, job }) => `${definition.document}@${definition.hash}@${job}`).sort(),
      prefer,
    ]),
  )
  const computed = inForce.flatMap(({ definition, hash }): ComputedTrait[] => {
    if (definition.kind !== 'Trait') return []
    const aggregate = traitAggregate(definition, hash)
    const job = aggregate && jobs.get(`${aggregate.document}@${hash}`)
    return job === undefined ? [] : [{ id: definition.id, aggregate: aggregate!, job }]
  })
  const audiences = inForce.flatMap(({ definition, hash, revision = 0 }): HashedAudience[] => {
    if (definition.kind !== 'Audience') return []
    const { id, disabled = false } = definition
    return [{ id, hash, revision, disabled, compiled: compiledAudience(definition) }]
  })
  let index: AudienceIndex<HashedAudience> | undefined
  const hashes = new Map(inForce.map(({ document, hash }) => [document, hash]))
  return {
    preferences: new Map(Object.entries(prefer).map(([trait, { sources }]) => [trait, sources])),
    name: underName,
    computed,
    windowed: new Map(
      owned
        .filter(({ definition }) => definition.within)
        .map((each) => [`${each.definition.document}@${each.definition.hash}`, each]),
    ),
    activity: activityWindows(audiences),
    audiences: inReadingOrder(audiences),
    // Questions need none.
    index: () => (index ??= indexAudiences(audiences, computed)),
    judged: (profileId, profile, nowMs) =>
      judgedProfile(profile, {
        profileId,
        computed,
        jobOf: (document) => jobs.get(`${document}@${document.slice('leaf/'.length)}`),
        nowMs,
      }),
    rulesOf(changed) {
      const rules: Record<string, string> = {}
      for (const path of changed) {
        const [family = '', name = ''] = path.split('.')
        const document = family === 'audiences' ? `audience/${name}` : `trait/${name}`
        const hash = family === 'traits' ? prefer[name]?.hash : hashes.get(document)
        if (hash !== undefined) rules[document] = hash
      }
      return rules
    },
  }
}

/** No window twice. */
function activityWindows(audiences: readonly HashedAudience[]): Window[] {
  const windows = audiences.flatMap(({ compiled }) =>
    compiled.leaves.flatMap((leaf) => (leaf.kind === 'inactive' ? leaf.window : [])),
  )
  return [...new Map(windows.map((each) => [`${each.units}*${each.unitMs}`, each])).values()]
}

/** Of a document that is being replaced both forms are adopted for a while: the one of the higher job is in force. */
function newest(adopted: readonly AdoptedDocument[]): AdoptedDocument[] {
  const byName = new Map<string, AdoptedDocument>()
  for (const each of adopted) {
    const known = byName.get(each.document)
    if (!known || known.job < each.job) byName.set(each.document, each)
  }
  return [...byName.values()].sort((a, b) => (a.document < b.document ? -1 : 1))
}

/** The names and hashes in force: when they change, every profile is to be judged anew. */
export function inForceText(context: StepContext): string {
  return newest(allRows(context.table(profileAdoption.adopted)))
    .map(({ document, hash }) => `${document}@${hash}`)
    .join(' ')
}

export function preferences(
  traits: ReadonlyMap<string, TraitDocument>,
  hashOf: (name: string) => string | undefined,
): PreferRow {
  const rows: [string, PreferRow[string]][] = []
  for (const { id, prefer } of traits.values())
    if (prefer) rows.push([id, { sources: prefer, hash: hashOf(`trait/${id}`) ?? '' }])
  return Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)))
}
