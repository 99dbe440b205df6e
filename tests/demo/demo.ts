/**
 * `make demo`: a shop's week on a real Kafka and a real ClickHouse, through real clients, compared with the truth.
 * ARGS="--seed 7 --people 200" plays another one. Exit code 0 when everything holds, 1 when something is off.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'
import { report } from './report.ts'
import { runWeek } from './runWeek.ts'
import { openShop } from './shop.ts'
import { makeShopWeek } from './shopWeek.ts'
import { terminalProgress } from './terminalProgress.ts'

const DATA = join(import.meta.dirname, '..', '..', '.data', 'demo')

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '2026' }, people: { type: 'string', default: '400' } },
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

try {
  const seed = Number(values.seed)
  const people = Number(values.people)
  if (!Number.isInteger(seed) || !Number.isInteger(people) || people < 20) {
    throw new Error('--seed takes a whole number, --people one of at least 20')
  }
  say(`A shop's week, made from seed ${seed}.`)
  const stack = await startLocalStack({ dataDir: join(DATA, 'stack'), fresh: true, keepData: true, log: say })
  stops.push(() => stack.stop())
  const shop = await openShop(stack, {
    dataDir: join(DATA, 'services'),
    logsDir: join(DATA, 'logs'),
    log: say,
  })
  stops.push(() => shop.stop())
  // For `make audit`, which asks the same Kafka and ClickHouse later, without the services.
  await writeFile(join(DATA, 'settings.json'), JSON.stringify(shop.installation.settings))
  const week = makeShopWeek(seed, Date.now(), people)
  const progress = terminalProgress(process.stderr)
  const result = await runWeek(shop, week, progress)
  progress.end()
  process.stdout.write(`\n${report(week, result, process.stdout.isTTY)}`)
  const off = result.checks.filter((check) => !check.holds)
  await stop()
  if (off.length > 0) {
    say(
      `\n${off.length} of ${result.checks.length} comparisons are off, marked ✗ above; logs: .data/demo/logs`,
    )
    process.exit(1)
  }
  process.stdout.write(`\nAll ${result.checks.length} comparisons hold. The ledger again: make audit\n`)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  await stop().catch(() => undefined)
  process.exit(1)
}
