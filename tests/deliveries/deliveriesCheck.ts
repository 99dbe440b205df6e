/**
 * `make deliveries-check`: ten destinations with different faults, activation killed at random; exit code 0 when nothing is
 * lost, order holds and the ledger balances. CHANGES= over all ten (100000), SEED=. The whole
 * number writes docs/reports/deliveries.md.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'
import { table } from '../../packages/cli/src/output/table.ts'
import { machine, machineLine } from '../bench/machine.ts'
import { createRandom } from '../demo/random.ts'
import { deliveriesRows, reportPage, verdictLines } from './deliveriesText.ts'
import { runDeliveries } from './runDeliveries.ts'

const WHOLE = 100_000
const DATA = join(import.meta.dirname, '..', '..', '.data', 'deliveries-check')
const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'reports', 'deliveries.md')

const { values } = parseArgs({
  options: { changes: { type: 'string', default: String(WHOLE) }, seed: { type: 'string', default: '2026' } },
})
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const changes = Number(values.changes)
const random = createRandom(Number(values.seed))
const on = machineLine(machine())
const stack = await startLocalStack({ dataDir: join(DATA, 'stack'), fresh: true, log: say })
try {
  const isWhole = changes >= WHOLE
  const result = await runDeliveries({
    brokers: stack.kafka.brokers,
    clickhouseUrl: stack.clickhouse.url,
    logsDir: join(DATA, 'logs'),
    changes,
    turns: isWhole ? { number: 5, seconds: 10, perSecond: 25 } : { number: 1, seconds: 2, perSecond: 20 },
    perSecond: 100,
    killEverySeconds: 12,
    healSeconds: 900,
    random: () => random.next(),
    say,
  })
  process.stdout.write(`${table(deliveriesRows(result))}\n\n${verdictLines(result).join('\n')}\n`)
  if (isWhole) await writeFile(PAGE, reportPage(result, new Date().toISOString().slice(0, 16), on))
  process.exitCode = result.problems.length === 0 && result.forged === 0 ? 0 : 1
} finally {
  await stack.stop()
}
