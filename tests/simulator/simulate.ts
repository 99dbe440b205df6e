/**
 * `make simulate [SEEDS=2000] [FROM=0]` runs worlds and says what broke; `make simulate SEED=n` replays one, step by
 * step. `make simulate-mutants` switches each guard off in turn and writes docs/reports/simulator.md.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { guards } from './guards.ts'
import { runMutants } from './runMutants.ts'
import { type WorldOutcome, runWorld } from './runWorld.ts'
import { WorkerPool } from './workerPool.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    without: { type: 'string' },
    mutants: { type: 'boolean', default: false },
  },
})

const say = (line: string) => void process.stdout.write(`${line}\n`)

if (values.mutants) process.exitCode = (await runMutants(say)) ? 0 : 1
else if (values.seed !== undefined) await replay(Number(values.seed), values.without)
else await simulate(Number(values.from), Number(values.seeds), values.without)

async function replay(seed: number, without: string | undefined): Promise<void> {
  const switches = without === undefined ? {} : guards.find(({ name }) => name === without)!.off
  const outcome = await runWorld({ seed, switches, trace: say })
  if (outcome.failure) {
    report(outcome)
    process.exitCode = 1
  } else
    say(
      `seed ${seed} holds: ${outcome.events} events, ${outcome.batches} batches, ${outcome.mishaps} mishaps`,
    )
}

async function simulate(from: number, seeds: number, without: string | undefined): Promise<void> {
  const pool = new WorkerPool()
  const started = performance.now()
  const totals = { worlds: 0, events: 0, batches: 0, mishaps: 0, kills: 0, stalls: 0 }
  let failed: WorldOutcome | undefined
  await pool.run({
    from,
    to: from + seeds,
    ...(without !== undefined && { without }),
    onOutcome(outcome) {
      totals.worlds++
      for (const name of ['events', 'batches', 'mishaps', 'kills', 'stalls'] as const)
        totals[name] += outcome[name]
      if (outcome.failure && (!failed || outcome.seed < failed.seed)) failed = outcome
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${totals.worlds} of ${seeds} worlds`)
    },
    enough: () => failed !== undefined,
  })
  await pool.close()
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  const seconds = (performance.now() - started) / 1_000
  const { worlds, events, batches, mishaps, kills, stalls } = totals
  say(
    `seeds ${from} to ${from + worlds - 1}: ${worlds} worlds in ${seconds.toFixed(1)} s on ${availableParallelism()} cores, ` +
      `${(worlds / seconds).toFixed(1)} a second · ${events} events · ${batches} batches · ${mishaps} mishaps · ` +
      `${kills} kills · ${stalls} stalls`,
  )
  if (failed) {
    report(failed)
    process.exitCode = 1
  } else say('All of them hold.')
}

function report({ seed, failure }: WorldOutcome): void {
  say(`seed ${seed} broke: ${failure!.invariant}\n  ${failure!.detail}`)
  const without = values.without === undefined ? '' : ` WITHOUT=${values.without}`
  say(`replay it with: make simulate SEED=${seed}${without}`)
}
