/**
 * `make chaos`: nothing lost, nothing counted twice, whatever is done to real processes. DURATION= seconds of load,
 * SEED=, KILLS=, STALLS=, RATE= events a second. Exit code 0 when everything holds, 1 when something is off.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chaosLine, chaosPage, findingsText } from './chaosReport.ts'
import { runChaos } from './runChaos.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** Long enough for more than 30 kills and 5 stalls. */
const DURATION_S = 240
/** Eight to ten processes, Kafka and ClickHouse on two cores, most of them starting at any time. */
const RATE = 50
/** Largest seed: 31 bits. */
const SEEDS = 2 ** 31

const { values } = parseArgs({
  options: {
    duration: { type: 'string' },
    seed: { type: 'string' },
    kills: { type: 'string' },
    stalls: { type: 'string' },
    rate: { type: 'string' },
  },
})
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const stops: (() => Promise<void>)[] = []

async function stop(): Promise<void> {
  for (let step = stops.pop(); step; step = stops.pop()) await step()
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say(`\nstopping (${signal}) …`)
    stop().then(
      () => process.exit(130),
      () => process.exit(130),
    )
  })
}

function whole(name: string, text: string | undefined, otherwise: number): number
function whole(name: string, text: string | undefined, otherwise?: number): number | undefined
function whole(name: string, text: string | undefined, otherwise?: number): number | undefined {
  if (text === undefined || text === '') return otherwise
  const number = Number(text)
  if (!Number.isInteger(number) || number < 0) throw new Error(`${name} takes a whole number, not ${text}`)
  return number
}

try {
  const seed = whole('SEED', values.seed, Math.floor(Math.random() * SEEDS))
  const kills = whole('KILLS', values.kills)
  const stalls = whole('STALLS', values.stalls)
  say(`Chaos with seed ${seed}.`)
  const result = await runChaos({
    seed,
    durationS: whole('DURATION', values.duration, DURATION_S),
    rate: whole('RATE', values.rate, RATE),
    ...(kills === undefined ? {} : { kills }),
    ...(stalls === undefined ? {} : { stalls }),
    folder: join(ROOT, '.data', 'chaos'),
    say,
    stops,
  })
  await mkdir(join(ROOT, 'docs', 'reports'), { recursive: true })
  await writeFile(join(ROOT, 'docs', 'reports', 'chaos.md'), chaosPage(result, new Date()))
  await stop()
  const off = findingsText(result)
  if (off !== '') say(`\n${off}\n\nlogs: .data/chaos/logs, the load's own books: .data/chaos/ledger.jsonl`)
  process.stdout.write(`${chaosLine(result)}\n`)
  process.exit(off === '' ? 0 : 1)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  await stop().catch(() => undefined)
  process.exit(1)
}
