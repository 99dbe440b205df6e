/**
 * `make conformance-debezium`: Debezium's PostgreSQL connector in Kafka Connect's own worker, over a real PostgreSQL, and a
 * collector that reads its topics as Kafka sources. What stands in the log afterwards is compared with what was done in SQL:
 * every change once, every value to the last digit, also after the worker and the collector were killed.
 *
 * Exit code 0 when all steps hold. A missing toolchain is named and counts as not run; with CI=true or ALL=1 as failed.
 * RECORD=1 writes the messages into fixtures/, which the unit tests replay.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { createKafka, readTopic } from '@tributary/kafka'
import { javaProblem, mavenProblem } from '../../deploy/local/src/javaRequirements.ts'
import { type RealCollector, startRealCollector } from '../conformance/realCollector.ts'
import { TOPICS, schemaSql, sources, steps } from './changes.ts'
import { type Captured, captured, differences } from './compareChanges.ts'
import { type ConnectWorker, createConnectWorker, installConnect } from './connectWorker.ts'
import { type PostgresServer, postgresPrograms, startPostgres } from '../support/postgresServer.ts'
import { type RecordedMessage, messageText } from './recordedMessages.ts'

/** A killed worker's slot is free again when PostgreSQL notices: seconds. */
const STEP_MS = 60_000
/** After the last step, for what would come too often. */
const SETTLE_MS = 3_000
/** As the launcher makes the topics of sources. */
const SOURCE_PARTITIONS = 3
const FIXTURE = fileURLToPath(new URL('fixtures/messages.ndjson', import.meta.url))

const started = performance.now()
const programs = await postgresPrograms()
const missing =
  programs === undefined
    ? 'initdb and postgres are not on this machine, nor does npm have them for it (PostgreSQL 15 or newer)'
    : ((await javaProblem()) ?? (await mavenProblem()))
if (missing !== undefined) {
  process.stdout.write(`not run: ${missing}\n0 steps hold, 0 do not, ${steps.length} not run\n`)
  process.exit(process.env['CI'] === 'true' || process.env['ALL'] === '1' ? 1 : 0)
}

const stopped = new AbortController()
process.once('SIGINT', () => stopped.abort())
process.once('SIGTERM', () => stopped.abort())
await installConnect()
const dataDir = fileURLToPath(new URL('../../.data/conformance-debezium', import.meta.url))
const collector = await startRealCollector('conformance-debezium', sources)
let failed = steps.length
try {
  const postgres = await startPostgres({
    programs: programs!,
    logFile: join(dataDir, 'logs', 'postgres.log'),
    settings: { wal_level: 'logical' },
  })
  try {
    const worker = createConnectWorker({
      dataDir: join(dataDir, 'connect'),
      brokers: collector.brokers,
      postgres,
    })
    try {
      failed = await runSteps(collector, postgres, worker)
    } finally {
      await worker.kill()
    }
  } finally {
    await postgres.stop()
  }
} finally {
  await collector.stop()
}
process.exit(failed === 0 ? 0 : 1)

async function runSteps(
  real: RealCollector,
  postgres: PostgresServer,
  worker: ConnectWorker,
): Promise<number> {
  await postgres.sql(schemaSql)
  await worker.start()
  const events: string[] = []
  let leftOut = 0
  let repeated = 0
  let bad = 0
  const width = Math.max(...steps.map(({ name }) => name.length))
  process.stdout.write(`${'step'.padEnd(width)}  events  left out  repeated  verdict\n`)
  for (const step of steps) {
    if (stopped.signal.aborted) break
    // oxlint-disable no-await-in-loop -- one step after the other is what is tested
    if (step.restart?.startsWith('worker killed')) await worker.kill()
    if (step.restart === 'collector killed') await real.kill()
    if (step.sql !== '') await postgres.sql(step.sql)
    if (step.restart === 'collector killed') await real.start()
    else if (step.restart) await worker.start({ schemas: step.restart === 'worker killed' })
    events.push(...step.events)
    leftOut += step.leftOut
    const found = await settle(real, events, leftOut)
    // Otherwise a killed worker begins its snapshot anew.
    if (step === steps[0]) await until(() => worker.hasOffsets())
    // oxlint-enable no-await-in-loop
    const problems = problemsOf(found, events, leftOut)
    if (problems.length > 0) bad++
    process.stdout.write(
      `${step.name.padEnd(width)}  ${String(step.events.length).padStart(6)}  ${String(step.leftOut).padStart(8)}  ` +
        `${String(found.repeated - repeated).padStart(8)}  ${problems.length === 0 ? 'holds' : 'WRONG'}\n`,
    )
    for (const problem of problems) process.stdout.write(`  ${problem}\n`)
    repeated = found.repeated
    // What is wrong once is wrong in every later comparison too.
    if (problems.length > 0) break
  }
  await sleep(SETTLE_MS)
  const messages = await readMessages(real.brokers)
  const last = stopped.signal.aborted ? [] : problemsOf(await read(real, messages), events, leftOut)
  for (const problem of last) process.stdout.write(`afterwards: ${problem}\n`)
  if (process.env['RECORD'] && bad === 0 && last.length === 0) {
    await mkdir(join(FIXTURE, '..'), { recursive: true })
    await writeFile(FIXTURE, messages.map((each) => `${JSON.stringify(each)}\n`).join(''))
  }
  const notRun = stopped.signal.aborted ? steps.length : 0
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  process.stdout.write(
    `${messages.length} messages, ${events.length} events, ${leftOut} left out, ${repeated} records repeated; ` +
      `${bad === 0 && last.length === 0 && notRun === 0 ? 'all steps hold' : 'NOT all steps hold'}; ${seconds} s\n`,
  )
  return bad + last.length + notRun
}

/** Reads until everything is there, or the time is up. */
async function settle(real: RealCollector, events: readonly string[], leftOut: number): Promise<Captured> {
  let found: Captured | undefined
  await until(async () => {
    found = await read(real, await readMessages(real.brokers))
    return problemsOf(found, events, leftOut).length === 0
  })
  return found!
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + STEP_MS
  // oxlint-disable-next-line no-await-in-loop -- asks again
  while (!(await done()) && performance.now() < endMs && !stopped.signal.aborted) await sleep(300)
}

function problemsOf(found: Captured, events: readonly string[], leftOut: number): string[] {
  return [
    ...found.problems,
    ...differences(events, found.events),
    ...(found.leftOut === leftOut ? [] : [`${found.leftOut} changes left out instead of ${leftOut}`]),
  ]
}

async function read(real: RealCollector, messages: readonly RecordedMessage[]): Promise<Captured> {
  const said = new Map(
    messages.map((each) => [`${each.topic}:${each.partition}:${each.offset}`, messageText(each)]),
  )
  return captured(await real.events(), await real.rejected(), ({ position }) => {
    const at = `${position?.topic}:${position?.partition}:${position?.offset}`
    return said.get(at) ?? at
  })
}

/** What Debezium wrote, as it stands in its topics. */
async function readMessages(brokers: string): Promise<RecordedMessage[]> {
  const kafka = createKafka({ brokers: brokers.split(','), clientId: 'conformance-debezium' })
  const found: RecordedMessage[] = []
  for (const topic of TOPICS)
    for (let partition = 0; partition < SOURCE_PARTITIONS; partition++)
      for await (const { records } of readTopic(kafka, { topic, partition }))
        for (const { offset, key, value, timestampMs } of records)
          found.push({
            topic,
            partition,
            offset,
            timestampMs,
            key: key?.toString() ?? null,
            value: value?.toString() ?? null,
          })
  return found
}
