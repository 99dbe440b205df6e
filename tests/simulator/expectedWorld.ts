/**
 * The oracle: what a world must have come to, worked out at once from its inputs, with no task, batch or store. It has
 * the pure folds of one event and of one profile in common with the services, and the batch resolver of the domain.
 */
import { type PartitionCounts, profileIdOf, topics, textDigest } from '@tributary/contracts'
import { type Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { EvidenceRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { type Control, ControlStep } from '@tributary/contracts/generated/tributary/job/v1/control'
import {
  type AggregateDefinition,
  type Fragment,
  type KeptAggregates,
  type Profile,
  eventFacts,
  extractEvidence,
  foldEvent,
  foldProfile,
  inReadingOrder,
  judgeAudiences,
  judgedProfile,
  keepAggregates,
} from '@tributary/domain'
import { type ResolverInput, resolveAll } from '@tributary/domain/testing'
import { traitAggregate } from '@tributary/configuration'
import { factFrom, rulesFrom } from '../../services/identity-stitcher/src/evidenceMessages.ts'
import { type AdoptedDocument, compiledAudience } from '../../services/profile-store/src/adoption.ts'
import { readEvent } from '../../services/profile-store/src/fragment/readEvent.ts'
import type { ShopConfiguration } from './simulatedFeed.ts'
import type { SimulatedLog } from './simulatedLog.ts'

export interface ExpectedProfile {
  readonly profile: Profile
  readonly audiences: readonly string[]
}

export interface Expected {
  readonly accepted: number
  readonly folded: number
  /** By profile id. */
  readonly profiles: ReadonlyMap<string, ExpectedProfile>
  /** The profile an identifier belongs to now. */
  readonly profileOf: (identifierId: string) => string
}

interface FoldedPartitions {
  readonly fragments: ReadonlyMap<string, Fragment>
  readonly accepted: number
  readonly folded: number
  readonly inputs: readonly ResolverInput[]
  /** "document@hash" of every aggregate kept at the end → its job. */
  readonly jobs: ReadonlyMap<string, number>
}

export function expectedWorld(
  log: SimulatedLog,
  counts: PartitionCounts,
  configuration: ShopConfiguration,
  assigned: ReadonlySet<string>,
  /** The moment that windows of a profile were last judged at. */
  nowMs: (profileId: string) => number,
): Expected {
  const { rules } = configuration.value.view.jobs
  const facts = factsIn(log)
  const blocked = blockedAtLast(rules.blocked, facts)
  const { fragments, accepted, folded, inputs, jobs } = foldPartitions(log, counts, blocked)
  const { profiles: resolved } = resolveAll([
    ...inputs,
    ...facts,
    { kind: 'rules', rules: rulesFrom({ ...rules, configOffset: 0 }), configOffset: 0 },
  ])
  const profileOf = (identifierId: string) => resolved.get(identifierId) ?? profileIdOf(identifierId, 0)
  const members = new Map<string, string[]>()
  for (const id of new Set([...fragments.keys(), ...assigned])) {
    const profileId = profileOf(id)
    members.set(profileId, [...(members.get(profileId) ?? []), id])
  }
  const judge = judgeWith(configuration, jobs)
  const profiles = new Map<string, ExpectedProfile>()
  for (const [profileId, ids] of members) {
    const parts = ids.map((identifierId) => ({ identifierId, fragment: fragments.get(identifierId) }))
    const judged = judge(profileId, parts, nowMs(profileId))
    if (judged) profiles.set(profileId, judged)
  }
  return { accepted, folded, profiles, profileOf }
}

/** Identifier ids that the rules or the last fact about them block. */
function blockedAtLast(
  byRules: readonly { readonly id: string }[],
  facts: readonly ResolverInput[],
): ReadonlySet<string> {
  const byFact = new Set<string>()
  for (const input of facts) {
    if (input.kind !== 'fact') continue
    const { fact } = input
    if (fact.kind === 'block') for (const { id } of fact.members) byFact.add(id)
    if (fact.kind === 'unblock') for (const { id } of fact.members) byFact.delete(id)
  }
  return new Set([...byRules.map(({ id }) => id), ...byFact])
}

function foldPartitions(
  log: SimulatedLog,
  counts: PartitionCounts,
  blocked: ReadonlySet<string>,
): FoldedPartitions {
  const fragments = new Map<string, Fragment>()
  const inputs: ResolverInput[] = []
  const jobs = new Map<string, number>()
  let accepted = 0
  let folded = 0
  let nobodys = 0
  for (let partition = 0; partition < counts.identifier; partition++) {
    const seen = new Set<string>()
    const adoption = new PlainAdoption()
    const records = log.all(topics.events, partition).map(({ value }) => EventRecord.decode(value!).record)
    // What was adopted late is filled from the log: in the end it counts every event, as if it had always been there.
    for (const record of records) if (record?.$case === 'control') adoption.take(record.value)
    for (const record of records) {
      if (record?.$case !== 'event') continue
      const event = record.value
      accepted++
      for (const evidence of extractEvidence({ ...event, type: typeOf(event) }, textDigest))
        inputs.push({ kind: 'evidence', evidence })
      const [anchor] = event.identifiers
      const key = JSON.stringify([event.sourceId, event.messageId, event.anchor])
      if (!anchor || seen.has(key)) continue
      seen.add(key)
      // Filed under the first identifier that is not blocked; under nobody when there is none.
      const identifiers = blocked.has(anchor.id)
        ? event.identifiers.filter(({ id }) => !blocked.has(id))
        : event.identifiers
      const [target] = identifiers
      if (!target) {
        nobodys++
        continue
      }
      folded++
      const facts = eventFacts({ ...readEvent(event), identifiers })
      fragments.set(target.id, foldEvent(fragments.get(target.id), facts, adoption.kept))
    }
    for (const [name, job] of adoption.jobs) jobs.set(name, job)
  }
  return { fragments, accepted: accepted - nobodys, folded, inputs, jobs }
}

/** Which documents a partition of the events has adopted, by the control records in it. */
class PlainAdoption {
  readonly #highest = new Map<string, number>()
  readonly #adopted = new Map<string, readonly AggregateDefinition[]>()
  readonly jobs = new Map<string, number>()
  kept: KeptAggregates = keepAggregates([])

  take({ document, hash, job, step, definition }: Control): void {
    if ((this.#highest.get(document) ?? -1) > job) return
    this.#highest.set(document, job)
    const name = `${document}@${hash}`
    if (step === ControlStep.CONTROL_STEP_FILLED) return
    if (step === ControlStep.CONTROL_STEP_ADOPT) {
      if (this.#adopted.has(name)) return
      this.#adopted.set(name, aggregatesOf(JSON.parse(definition) as AdoptedDocument['definition'], hash))
    } else if (!this.#adopted.delete(name)) return
    const needed = new Map(
      [...this.#adopted.values()].flat().map((each) => [`${each.document}@${each.hash}`, each]),
    )
    for (const each of this.jobs.keys()) if (!needed.has(each)) this.jobs.delete(each)
    for (const each of needed.keys()) if (!this.jobs.has(each)) this.jobs.set(each, job)
    this.kept = keepAggregates(
      [...needed].map(([each, aggregate]) => ({ definition: aggregate, job: this.jobs.get(each)! })),
    )
  }
}

function aggregatesOf(
  definition: AdoptedDocument['definition'],
  hash: string,
): readonly AggregateDefinition[] {
  if (definition.kind === 'Audience') return compiledAudience(definition).aggregates
  const aggregate = traitAggregate(definition, hash)
  return aggregate ? [aggregate] : []
}

function judgeWith({ value: { workspace } }: ShopConfiguration, jobs: ReadonlyMap<string, number>) {
  const computed = [...workspace.traits.values()].flatMap((trait) => {
    const hash = workspace.hashOf(`trait/${trait.id}`)!
    const aggregate = traitAggregate(trait, hash)
    const job = jobs.get(`trait/${trait.id}@${hash}`)
    return aggregate && job !== undefined ? [{ id: trait.id, aggregate, job }] : []
  })
  const preferences = new Map(
    [...workspace.traits.values()].flatMap(({ id, prefer }) => (prefer ? [[id, prefer] as const] : [])),
  )
  const audiences = inReadingOrder(
    [...workspace.audiences.values()].map((each) => ({ id: each.id, compiled: compiledAudience(each) })),
  )
  return (
    profileId: string,
    parts: Parameters<typeof foldProfile>[0],
    nowMs: number,
  ): ExpectedProfile | undefined => {
    const profile = foldProfile(parts, { preferences, computed, nowMs })
    if (!profile) return undefined
    const reader = judgedProfile(profile, {
      profileId,
      computed,
      jobOf: (document) => jobs.get(`${document}@${document.slice('leaf/'.length)}`),
      nowMs,
    })
    return {
      profile,
      audiences: judgeAudiences(audiences, reader, () => false)
        .filter(({ judgement }) => judgement.member)
        .map(({ audience }) => audience.id)
        .sort(),
    }
  }
}

function factsIn(log: SimulatedLog): ResolverInput[] {
  return log.all(topics.evidence, 0).flatMap(({ value }): ResolverInput[] => {
    const { record } = EvidenceRecord.decode(value!)
    const fact = record?.$case === 'fact' ? factFrom(record.value) : undefined
    return fact ? [{ kind: 'fact', fact }] : []
  })
}

function typeOf({ type }: Event): string {
  if (type === EventType.EVENT_TYPE_IDENTIFY) return 'identify'
  return type === EventType.EVENT_TYPE_ALIAS ? 'alias' : 'other'
}
