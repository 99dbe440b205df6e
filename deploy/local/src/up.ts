/** `make up`: the stack and the four services, in the foreground until Ctrl-C. `make up CONFIG=dir` applies other documents. */
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startServices, type Installation } from './launcher.ts'
import { DATA, readLocalFile, removeLocalFile, writeLocalFile, type LocalFile } from './localFile.ts'
import { startLocalStack, type LocalStack } from './localStack.ts'
import { startTimeOf } from './startTime.ts'

const { values } = parseArgs({
  options: { config: { type: 'string' }, fresh: { type: 'boolean', default: false } },
})
const say = (line: string) => void process.stderr.write(`${line}\n`)

const running = await readLocalFile()
if (running && startTimeOf(running.pid) !== undefined) {
  say(`It already runs (process ${running.pid}); 'make down' stops it.`)
  process.exit(1)
}

let stack: LocalStack | undefined
let installation: Installation | undefined
let stopping: Promise<void> | undefined

async function stop(code: number): Promise<void> {
  say('stopping …')
  try {
    await removeLocalFile()
    await installation?.stop()
    await stack?.stop()
    say('stopped.')
  } catch (error) {
    say(messageOf(error))
    process.exit(1)
  }
  process.exit(code)
}

function onSignal(): void {
  // A second Ctrl-C does not wait: the watchdog ends what is left.
  if (stopping) process.exit(130)
  stopping = stop(0)
}
process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)
process.on('SIGHUP', onSignal)

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

try {
  const started = performance.now()
  const dataDir = join(DATA, 'up')
  stack = await startLocalStack({
    dataDir: join(dataDir, 'stack'),
    fresh: values.fresh,
    keepData: true,
    log: say,
  })
  say(`Kafka and ClickHouse run (${stack.kind}, ${Math.round(performance.now() - started)} ms).`)
  installation = await startServices(stack, {
    dataDir: join(dataDir, 'services'),
    logsDir: join(DATA, 'logs'),
    log: say,
    ...(values.config === undefined ? {} : { documents: resolve(values.config) }),
  })
  print(await writeLocalFile(stack, installation))
  await firstToEnd(installation)
} catch (error) {
  if (!stopping) {
    say(messageOf(error))
    stopping = stop(1)
  }
  await stopping
}

/** A service that stops on purpose (fail-stop) ends all: here is nobody who would start it again. */
async function firstToEnd({ services }: Installation): Promise<void> {
  const { service, end } = await Promise.race(
    services.map(async (one) => ({ service: one, end: await one.ended() })),
  )
  if (stopping) return
  throw new Error(
    `${service.instance} ended (${end.signal ?? `exit code ${end.code}`}); its log is ${relative('.', service.logFile)}`,
  )
}

function print(local: LocalFile): void {
  const lines: [string, string | undefined][] = [
    ['Kafka', local.kafka.brokers],
    ['ClickHouse', `${local.clickhouse.url} (database ${local.clickhouse.database})`],
    ['collector', local.collector?.http],
    ['identity-stitcher', local.identityStitcher?.grpc],
    ['profile-store', local.profileStore?.grpc],
    ['activation', local.activation?.grpc],
    ...Object.entries(local.writeKeys).map(([source, key]): [string, string] => [
      `write key of ${source}`,
      key,
    ]),
    ['logs', relative('.', join(DATA, 'logs'))],
  ]
  for (const [name, value] of lines)
    if (value !== undefined) process.stdout.write(`  ${name.padEnd(22)} ${value}\n`)
  process.stdout.write('Ctrl-C or `make down` stops it. `bin/tributary --help` works against it.\n')
}
