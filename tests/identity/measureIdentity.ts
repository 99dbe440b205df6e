/** The numbers of `make identity-report`: each preset under both policies, beside a first-come resolver. */
import { createWorld } from '../support/world/createWorld.ts'
import { resolveGreedily } from '../support/world/greedyResolver.ts'
import { readWorld } from '../support/world/readWorld.ts'
import { resolveWorld } from '../support/world/resolveWorld.ts'
import { type Score, scoreAssignment } from '../support/world/scoreAssignment.ts'
import { shuffledDifference } from '../support/world/shuffledDifference.ts'
import { type WorldPreset, worldPresets } from '../support/world/worldPresets.ts'

export interface MeasuredResolver {
  readonly name: 'first' | 'nobody' | 'greedy'
  readonly score: Score
  readonly conflicts: number | undefined
  readonly shared: number | undefined
  /** Moves of identifiers per identifier, in the order of arrival. */
  readonly churn: number
  /** Share of identifiers that end elsewhere in other orders. */
  readonly differs: number
  /** Share of inputs for which components were walked through. */
  readonly recomputed: number | undefined
  readonly largestComponent: number | undefined
}

export interface MeasuredWorld {
  readonly preset: WorldPreset
  readonly events: number
  readonly inputs: number
  readonly resolvers: readonly MeasuredResolver[]
}

/** Bars of identity: B³ F1 under the policy `first`, which is the default. */
export const bars: Readonly<Partial<Record<WorldPreset, number>>> = { clean: 0.99, moderate: 0.95 }

export interface ReportOptions {
  readonly seed: number
  readonly persons: number
  readonly shuffles: number
}

export function measureIdentity(preset: WorldPreset, options: ReportOptions): MeasuredWorld {
  const world = createWorld({ ...worldPresets[preset], seed: options.seed, persons: options.persons })
  const { inputs, events } = readWorld(world)
  const ours = (['first', 'nobody'] as const).map((owner): MeasuredResolver => {
    const resolved = resolveWorld(inputs, owner)
    return {
      name: owner,
      score: scoreOf(resolved.profiles),
      conflicts: resolved.conflicts,
      shared: resolved.shared.length,
      churn: resolved.moves / resolved.profiles.size,
      differs: shuffledDifference(inputs, (each) => resolveWorld(each, owner), options.shuffles),
      recomputed: resolved.recomputed / inputs.length,
      largestComponent: resolved.largestComponent,
    }
  })
  const greedy = resolveGreedily(inputs)
  const beside: MeasuredResolver = {
    name: 'greedy',
    score: scoreOf(greedy.profiles),
    conflicts: undefined,
    shared: undefined,
    churn: greedy.moves / greedy.profiles.size,
    differs: shuffledDifference(inputs, resolveGreedily, options.shuffles),
    recomputed: undefined,
    largestComponent: undefined,
  }
  return { preset, events: world.events.length, inputs: inputs.length, resolvers: [...ours, beside] }

  function scoreOf(profiles: ReadonlyMap<string, string>): Score {
    return scoreAssignment(events, (id) => profiles.get(id) ?? `${id}-0`)
  }
}

/** What is not as it must be, in sentences. */
export function shortcomings(worlds: readonly MeasuredWorld[]): readonly string[] {
  return worlds.flatMap(({ preset, resolvers }) =>
    resolvers.flatMap(({ name, score, differs }) => {
      const found: string[] = []
      const bar = name === 'first' ? bars[preset] : undefined
      if (bar !== undefined && score.bCubed.f1 < bar)
        found.push(`${preset}, ${name}: B³ F1 is ${score.bCubed.f1.toFixed(4)}, it must be ${bar}`)
      if (name !== 'greedy' && differs > 0)
        found.push(`${preset}, ${name}: ${differs} of the identifiers depend on the order of arrival`)
      return found
    }),
  )
}
