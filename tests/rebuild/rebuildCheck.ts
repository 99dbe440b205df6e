/**
 * `make rebuild-check`: what is derived is lost and rebuilt from the event log while events arrive; exit code 0 when the
 * state is that of a run that lost nothing. PEOPLE=, EVENTS=, SEED=, RATE= (copied per second at most, 0 = no limit).
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'
import { type RebuildCheck, checkRebuild } from './checkRebuild.ts'
import type { StateHash } from './stateHash.ts'

const DATA = join(import.meta.dirname, '..', '..', '.data', 'rebuild-check')

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '2026' },
    people: { type: 'string', default: '200' },
    events: { type: 'string', default: '3000' },
    rate: { type: 'string', default: '2000' },
    change: { type: 'boolean' },
  },
})
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const stack = await startLocalStack({ dataDir: join(DATA, 'stack'), fresh: true, log: say })
try {
  // Under the same rules; under others, and with another number of partitions.
  for (const change of values.change ? [true] : [false, true]) {
    say(change ? '\nunder other rules of identity, and with more partitions:' : 'under the same rules:')
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const check = await checkRebuild({
      stack: { kafka: stack.kafka, clickhouseUrl: stack.clickhouse.url },
      dataDir: join(DATA, 'services', change ? 'change' : 'same'),
      name: `rebuild-${change ? 'change' : 'same'}-${Date.now()}`,
      seed: Number(values.seed),
      people: Number(values.people),
      events: Number(values.events),
      rate: Number(values.rate),
      liveRate: 200,
      change,
      say,
    })
    process.stdout.write(reportOf(check))
    if (!check.equal) process.exitCode = 1
  }
} finally {
  await stack.stop()
}

function reportOf({ kept, rebuilt, equal, latency, output, seconds, ledger }: RebuildCheck): string {
  const ms = (value: number) => `${value.toFixed(0)} ms`
  return [
    output.trim(),
    `rebuilt in ${seconds.toFixed(1)} s; the collector answered in ${ms(latency.during)} meanwhile, ${ms(latency.before)} before (p99)`,
    ledger,
    `kept     ${kept.hash}  ${kept.profiles} profiles, ${kept.assignments} assignments`,
    `rebuilt  ${rebuilt.hash}  ${rebuilt.profiles} profiles, ${rebuilt.assignments} assignments`,
    equal ? 'the state is the same' : 'THE STATE DIFFERS',
    ...onlyIn('kept', kept, rebuilt),
    ...onlyIn('rebuilt', rebuilt, kept),
    '',
  ].join('\n')
}

/** What differs, the first lines of it: the events are made up, so they may be shown. */
function onlyIn(name: string, one: StateHash, other: StateHash): string[] {
  const known = new Set(other.lines)
  return one.lines
    .filter((line) => !known.has(line))
    .slice(0, 10)
    .map((line) => `only ${name}: ${line.slice(0, 400)}`)
}
