/** The mutation check: without each guard in turn, some seed must fail. */
import { markdownTable } from '../support/markdownTable.ts'
import { writeFile } from 'node:fs/promises'
import { guards } from './guards.ts'
import type { WorldOutcome } from './runWorld.ts'
import { WorkerPool } from './workerPool.ts'

/** A guard that so many worlds do not miss is not tested. */
const MAX_SEEDS = 1_000
const REPORT = new URL('../../docs/reports/simulator.md', import.meta.url)

interface Found {
  readonly name: string
  readonly guards: string
  /** Of the first world that failed. */
  readonly outcome: WorldOutcome | undefined
}

/** Whether each guard was missed. */
export async function runMutants(say: (line: string) => void): Promise<boolean> {
  const pool = new WorkerPool()
  const found: Found[] = []
  for (const { name, guards: sentence } of guards) {
    let first: WorldOutcome | undefined
    // oxlint-disable-next-line no-await-in-loop -- one guard after the other
    await pool.run({
      from: 0,
      to: MAX_SEEDS,
      without: name,
      onOutcome(outcome) {
        if (outcome.failure && (!first || outcome.seed < first.seed)) first = outcome
      },
      enough: () => first !== undefined,
    })
    found.push({ name, guards: sentence, outcome: first })
    say(`${name.padEnd(28)} ${first ? `seed ${first.seed}: ${first.failure!.invariant}` : 'NOT MISSED'}`)
  }
  await pool.close()
  await writeFile(REPORT, reportOf(found))
  return found.every(({ outcome }) => outcome !== undefined)
}

function reportOf(found: readonly Found[]): string {
  const rows = found.map(({ name, guards: sentence, outcome }) => [
    name,
    sentence,
    outcome ? String(outcome.seed) : `none of ${MAX_SEEDS}`,
    outcome?.failure?.invariant ?? '',
  ])
  return `${[
    '# Simulator: what happens without each guard',
    '',
    'Written by `make simulate-mutants`: each guard is switched off in turn, and worlds are run from seed 0 until one',
    'fails. `make simulate SEED=n WITHOUT=guard` replays it. How worlds are made and what is checked:',
    '[tests/simulator](../../tests/simulator/README.md).',
    '',
    markdownTable(['guard', 'what it does', 'first failing seed', 'what broke'], rows),
  ].join('\n')}\n`
}
