/** The watchdog's own process: see watchdog.ts. Reads `+pid 4711` and `-pid 4711` lines; ends what is left when they stop. */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { findDockerEngine, removeContainer } from './dockerEngine.ts'
import { startTimeOf } from './startTime.ts'

/** Kafka closes its log segments and services finish their batch in this time. */
const GRACE_MS = 8_000
const POLL_MS = 100

process.on('SIGINT', () => undefined)
process.on('SIGHUP', () => undefined)

const guarded = new Map<number, string | undefined>()
const containers = new Set<string>()
for await (const line of createInterface({ input: process.stdin })) {
  const [kind, id = ''] = line.slice(1).split(' ')
  const added = line.startsWith('+')
  if (kind === 'container') {
    if (added) containers.add(id)
    else containers.delete(id)
  } else if (added) guarded.set(Number(id), startTimeOf(Number(id)))
  else guarded.delete(Number(id))
}

send('SIGTERM')
send('SIGCONT')
const deadline = Date.now() + GRACE_MS
while (left().length > 0 && Date.now() < deadline) await sleep(POLL_MS)
send('SIGKILL')
await removeContainers()

async function removeContainers(): Promise<void> {
  const engine = containers.size > 0 ? await findDockerEngine() : undefined
  if (engine) await Promise.all([...containers].map((id) => removeContainer(engine, id)))
}

function left(): number[] {
  return [...guarded]
    .filter(([pid, started]) => started !== undefined && startTimeOf(pid) === started)
    .map(([pid]) => pid)
}

function send(signal: NodeJS.Signals): void {
  for (const pid of left()) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended in between, which is what was wanted.
    }
  }
}
