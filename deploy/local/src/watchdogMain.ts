/** The watchdog's own process: see watchdog.ts. Reads `+pid` and `-pid` lines; ends what is left when they stop. */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTimeOf } from './startTime.ts'

/** Kafka closes its log segments and services finish their batch in this time. */
const GRACE_MS = 8_000
const POLL_MS = 100

process.on('SIGINT', () => undefined)
process.on('SIGHUP', () => undefined)

const guarded = new Map<number, string | undefined>()
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1))
  if (line.startsWith('+')) guarded.set(pid, startTimeOf(pid))
  else guarded.delete(pid)
}

send('SIGTERM')
send('SIGCONT')
const deadline = Date.now() + GRACE_MS
while (left().length > 0 && Date.now() < deadline) await sleep(POLL_MS)
send('SIGKILL')

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
