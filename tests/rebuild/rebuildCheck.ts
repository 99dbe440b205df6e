/**
 * `make rebuild-check`: what is derived is lost and rebuilt from the event log while events arrive; exit code 0 when the
 * state is that of a run that lost nothing. PEOPLE=, EVENTS=, SEED=, RATE= (copied per second at most, 0 = no limit).
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'
import { checkRebuild } from './checkRebuild.ts'

const DATA = join(import.meta.dirname, '..', '..', '.data', 'rebuild-check')

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '2026' },
    people: { type: 'string', default: '200' },
    events: { type: 'string', default: '6000' },
    rate: { type: 'string', default: '2000' },
  },
})
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const stack = await startLocalStack({ dataDir: join(DATA, 'stack'), fresh: true, log: say })
try {
  const check = await checkRebuild({
    stack: { kafka: stack.kafka, clickhouseUrl: stack.clickhouse.url },
    dataDir: join(DATA, 'services'),
    name: `rebuild-${Date.now()}`,
    seed: Number(values.seed),
    people: Number(values.people),
    events: Number(values.events),
    rate: Number(values.rate),
    liveRate: 200,
    say,
  })
  const { kept, rebuilt, equal, latency } = check
  const ms = (value: number) => `${value.toFixed(0)} ms`
  process.stdout.write(
    [
      check.output.trim(),
      `rebuilt in ${check.seconds.toFixed(1)} s; the collector answered in ${ms(latency.during)} meanwhile, ${ms(latency.before)} before (p99)`,
      check.ledger,
      `kept     ${kept.hash}  ${kept.profiles} profiles, ${kept.assignments} assignments`,
      `rebuilt  ${rebuilt.hash}  ${rebuilt.profiles} profiles, ${rebuilt.assignments} assignments`,
      equal ? 'the state is the same' : 'THE STATE DIFFERS',
      '',
    ].join('\n'),
  )
  process.exitCode = equal ? 0 : 1
} finally {
  await stack.stop()
}
