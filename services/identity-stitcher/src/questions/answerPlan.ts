/**
 * What changed rules would do, worked out beside the live stream.
 *
 *  P1. It computes for SLICE_MS at a time and leaves the process to others for as long: a plan takes at most half of it.
 *  P2. No state is held: each group is read as it is committed when it is looked at, and no read transaction keeps
 *      pages of the store from being used again.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type {
  PlanRulesResponse,
  PlannedChange,
  PlannedMove as PlannedMoveMessage,
  RulesPlan as RulesPlanMessage,
  SizedProfile as SizedProfileMessage,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  type PlannedKind,
  type PlannedMove,
  type ReadIdentityRows,
  type ResolverRules,
  type RulesPlan,
  type SizedProfile,
  WALK_KEY,
  planRules,
  profileText,
  summarise,
} from '@tributary/domain'
import { estimatedTotal } from '../resolver/idShare.ts'
import { WALKED_PER_TICK } from '../resolver/resolverTopology.ts'
import { stepFrom } from './answerExplain.ts'
import { byId, memberMessage } from './conflictReport.ts'

/** 5 ms: less than a commit takes, so the live stream does not notice. */
const SLICE_MS = 5
const PAUSE_MS = 5
/** Twice a second a person sees that it moves; well below the silence after which a peer is given up. */
const PROGRESS_MS = 500

export interface PlanQuestion {
  /** Throws a Refusal while the resolver is not here. */
  readonly rowsNow: () => ReadIdentityRows
  readonly rules: ResolverRules
  /** Of each kind. */
  readonly samples: number
}

export async function* answerPlan({
  rowsNow,
  rules,
  samples,
}: PlanQuestion): AsyncGenerator<PlanRulesResponse> {
  yield { said: { $case: 'progress', value: { lookedAt: 0, about: 0 } } }
  const steps = planRules(rowsNow, rules, { samples })
  for (let toldMs = performance.now(); ;) {
    // Between two slices the task may have gone: its store is closed then.
    rowsNow()
    const endMs = performance.now() + SLICE_MS
    let step = steps.next()
    while (!step.done && performance.now() < endMs) step = steps.next()
    if (step.done) {
      const walking = rowsNow().walk.get(WALK_KEY) !== undefined
      yield { said: { $case: 'plan', value: planMessage(step.value, walking) } }
      return
    }
    if (performance.now() - toldMs >= PROGRESS_MS) {
      toldMs = performance.now()
      const { lookedAt, at } = step.value
      yield { said: { $case: 'progress', value: { lookedAt, about: estimatedTotal(lookedAt, at) } } }
    }
    // oxlint-disable-next-line no-await-in-loop -- P1
    await pause(PAUSE_MS)
  }
}

function planMessage(plan: RulesPlan, walking: boolean): RulesPlanMessage {
  const changeOf = (kind: PlannedKind): PlannedChange => ({
    profiles: plan.profiles[kind],
    identifiers: plan.identifiers[kind],
    samples: plan.samples[kind].map(moveMessage),
  })
  return {
    lookedAt: plan.lookedAt,
    merged: changeOf('merge'),
    split: changeOf('split'),
    renamed: changeOf('rename'),
    standings: [...plan.standings].map(([change, identifiers]) => {
      const [before, after] = change.split(' → ') as [string, string]
      return { before, after, identifiers }
    }),
    conflictsBefore: plan.conflicts.before,
    conflictsAfter: plan.conflicts.after,
    largestBefore: sizedMessage(plan.largest.before),
    largestAfter: sizedMessage(plan.largest.after),
    tooLargeGroups: plan.tooLarge.groups,
    tooLargeIdentifiers: plan.tooLarge.identifiers,
    walking,
    carriedOutPerSecond: WALKED_PER_TICK,
  }
}

function moveMessage(move: PlannedMove): PlannedMoveMessage {
  return {
    fromProfile: profileText(move.from),
    intoProfile: profileText(move.into),
    identifiers: move.identifiers,
    members: move.members.map(memberMessage),
    why: move.because ? summarise(move.because, byId) : '',
    steps: move.because?.steps.map((step) => stepFrom(step, byId)) ?? [],
  }
}

function sizedMessage(profile: SizedProfile | undefined): SizedProfileMessage | undefined {
  return profile && { profileId: profileText(profile.name), identifiers: profile.identifiers }
}
