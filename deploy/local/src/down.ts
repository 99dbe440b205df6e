/** `make down`: stops what `make up` runs, by the process id it wrote down. */
import { setTimeout as sleep } from 'node:timers/promises'
import { readLocalFile, removeLocalFile } from './localFile.ts'
import { startTimeOf } from './startTime.ts'

/** Services may take 30 s for a graceful stop, Kafka 15 s. */
const TIMEOUT_MS = 60_000
const POLL_MS = 100

const local = await readLocalFile()
const started = local && startTimeOf(local.pid)
if (!local || started === undefined) {
  await removeLocalFile()
  process.stdout.write('Nothing runs.\n')
} else {
  process.kill(local.pid, 'SIGTERM')
  const deadline = performance.now() + TIMEOUT_MS
  while (startTimeOf(local.pid) === started) {
    if (performance.now() > deadline) {
      process.stderr.write(
        `Process ${local.pid} does not stop; kill -9 ${local.pid} ends it and what it started.\n`,
      )
      process.exit(1)
    }
    await sleep(POLL_MS)
  }
  process.stdout.write('Stopped.\n')
}
