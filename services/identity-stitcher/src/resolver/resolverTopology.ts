/**
 * From evidence, facts and rules to assignments: one task, since limits on identity need one order of decisions.
 *
 *  V1. All state is in the store; a step holds nothing that the next one needs.
 *  V2. A change of the rules is carried out in bounded steps between other records; what is touched meanwhile is
 *      resolved under the new rules at once.
 *  V3. A submitted fact is first written to the log and resolved when it is read back from there: what the log does not
 *      have has no effect.
 *  V4. A record that says nothing usable is counted and passed over: it must not stop identity for everyone.
 *  V5. The erasure of a deleted row becomes facts here, since who belongs to the person is known in this order only.
 *  V6. How far a change of the rules is, is told on the jobs topic: when it begins, every so many identifiers, and when
 *      it is through. It is kept with the state, so whoever takes over tells on.
 *  V7. A layout epoch that was built in silence under other rules tells what it moved when it has taken over.
 */
import { topics, tracesOf } from '@tributary/contracts'
import {
  type Erasure as ErasureMessage,
  EvidenceRecord,
} from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  type IdentityResolver,
  type Resolution,
  type RulesCache,
  WALK_KEY,
  createIdentityResolver,
  erasureFacts,
  profileOf,
  profileText,
  rulesInForce,
} from '@tributary/domain'
import type { InputRecord, StepContext, Topology } from '@tributary/stream-runtime'
import { type SubmittedFact, announceFact, keepFact } from '../facts/announceFact.ts'
import { erasureFrom, evidenceFrom, factFrom, rulesFrom } from '../evidenceMessages.ts'
import { identityRows, resolverTables } from './identityTables.ts'
import { announceBlock } from './announceBlock.ts'
import { type Cause, publishMoves, publishResolution } from './publishResolution.ts'
import { type WalkProgress, isWorthTelling, tellWalk } from './tellWalk.ts'

/** 200 identifiers at the end of a batch: some tens of milliseconds, which live evidence can wait. */
export const WALKED_PER_BATCH = 200
/** 2,000 a second when nothing else is to be done. */
export const WALKED_PER_TICK = 2_000

/** What the resolver tells whoever counts and logs. */
export interface ResolverObserver {
  /** One record, or one step of carrying out changed rules: what it was and what came of it. */
  readonly resolved: (
    kind: 'evidence' | 'fact' | 'rules' | 'erasure' | 'walk',
    resolution: Resolution,
  ) => void
  readonly passedOver: (reason: string, offset: number) => void
  /** A change of the rules is begun, has been carried out for some, or for everybody. */
  readonly walked?: (progress: WalkProgress) => void
}

export function resolverTopology(observer: ResolverObserver): Topology<unknown, SubmittedFact> {
  return {
    name: 'resolver',
    inputs: [topics.evidence],
    tables: resolverTables,
    metaLog: topics.evidenceState,
    create: () => {
      const cache: RulesCache = {}
      let timeMs = 0
      const walk = (context: StepContext, limit: number): void => {
        const rows = identityRows(context)
        const resolver = createIdentityResolver(rows, cache)
        if (!resolver.isWalking()) return
        const { lookedAt: before = 0 } = rows.walk.get(WALK_KEY) ?? {}
        const { lookedAt, ...resolution } = resolver.walk(limit)
        const { rules, configOffset } = rulesInForce(rows)
        const cause = { evidenceId: `rules:${rules.hash}`, messageId: '', source: '' }
        publish(context, resolution, cause, timeMs)
        observer.resolved('walk', resolution)
        const from = rows.walk.get(WALK_KEY)?.from
        const progress = { job: configOffset, lookedAt, from }
        // V6
        if (from === undefined || isWorthTelling(before, lookedAt)) tellWalk(context, progress)
        observer.walked?.(progress)
      }
      return {
        step(context, input) {
          if (input.kind === 'record') {
            timeMs = input.record.timestampMs
            resolve(context, input.record, cache, observer)
          } else if (input.kind === 'injected') announceFact(context, input.value)
          else if (input.kind === 'tick') {
            timeMs = input.nowMs
            walk(context, WALKED_PER_TICK)
          }
        },
        endBatch: (context) => walk(context, WALKED_PER_BATCH),
      }
    },
  }
}

function resolve(
  context: StepContext,
  record: InputRecord,
  cache: RulesCache,
  observer: ResolverObserver,
): void {
  const said = record.value ? EvidenceRecord.decode(record.value).record : undefined
  if (said?.$case === 'moved') {
    // V7
    const rows = identityRows(context)
    const cause = { evidenceId: `rules:${rulesInForce(rows).rules.hash}`, messageId: '', source: '' }
    const still = (id: string): string => profileText(profileOf(id, rows.identifiers.get(id)))
    publishMoves(context, said.value.moves, still, cause, record.timestampMs)
    return
  }
  const resolver = createIdentityResolver(identityRows(context), cache)
  const all =
    said?.$case === 'erasure' ? erase(context, resolver, said.value) : hear(resolver, said, record.offset)
  if (!all) {
    observer.passedOver('it says nothing this version knows', record.offset)
    return
  }
  for (const { kind, resolution, cause } of all) {
    if (resolution.ignored !== undefined && resolution.ignored !== 'known')
      observer.passedOver(resolution.ignored, record.offset)
    publish(context, resolution, cause, record.timestampMs, tracesOf(record.headers))
    observer.resolved(kind, resolution)
    if (kind === 'rules' && resolution.ignored === undefined) tellBegun(context, observer)
  }
}

/** V6. */
function tellBegun(context: StepContext, observer: ResolverObserver): void {
  const progress = { job: rulesInForce(identityRows(context)).configOffset, lookedAt: 0, from: '' }
  tellWalk(context, progress)
  observer.walked?.(progress)
}

/** V5. Values are not written down: they are what is to be forgotten. */
function erase(
  context: StepContext,
  resolver: IdentityResolver,
  message: ErasureMessage,
): readonly Heard[] | undefined {
  const erasure = erasureFrom(message)
  if (!erasure) return undefined
  return erasureFacts(identityRows(context), erasure).map((fact) => {
    const resolution = resolver.fact(fact)
    if (resolution.ignored === undefined)
      keepFact(
        context,
        fact,
        fact.members.map((each) => ({ ...each, value: '' })),
      )
    const cause = { evidenceId: fact.id, messageId: erasure.messageId, source: erasure.sourceId }
    return { kind: 'erasure', resolution, cause }
  })
}

interface Heard {
  readonly kind: 'evidence' | 'fact' | 'rules' | 'erasure'
  readonly resolution: Resolution
  readonly cause: Cause
}

function hear(
  resolver: IdentityResolver,
  said: Exclude<EvidenceRecord['record'], { $case: 'erasure' | 'moved' }>,
  offset: number,
): readonly Heard[] | undefined {
  switch (said?.$case) {
    case 'evidence': {
      const evidence = evidenceFrom(said.value)
      if (!evidence) return undefined
      const cause = { evidenceId: evidence.id, messageId: evidence.messageId, source: evidence.sourceId }
      return [{ kind: 'evidence', resolution: resolver.evidence(evidence), cause }]
    }
    case 'fact': {
      const fact = factFrom(said.value)
      if (!fact) return undefined
      const cause = { evidenceId: fact.id, messageId: '', source: '' }
      return [{ kind: 'fact', resolution: resolver.fact(fact), cause }]
    }
    case 'rules': {
      const rules = rulesFrom(said.value)
      const cause = { evidenceId: `rules:${rules.hash}`, messageId: '', source: '' }
      return [{ kind: 'rules', resolution: resolver.rules(rules, offset, said.value.configOffset), cause }]
    }
    case undefined:
      return undefined
  }
}

function publish(
  context: StepContext,
  resolution: Resolution,
  cause: Cause,
  timeMs: number,
  traces: readonly string[] = [],
): void {
  for (const each of resolution.said) announceBlock(context, each)
  if (resolution.assignments.length > 0 || resolution.becameShared.length > 0)
    publishResolution(context, resolution, { cause, timeMs, traces })
}
