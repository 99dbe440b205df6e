/** The ClickHouse of the local stack as a container: the port and the folder of the official image. */
import { startFront } from '../../../deploy/local/src/clickhouse/startFront.ts'

/** A running insert may end in this time after a stop. */
const GRACE_MS = 8_000
/** Of the 32 threads that its Dockerfile gives, so many are for the engine. */
const MAX_CONCURRENT = 24

const front = await startFront({
  dataDir: '/var/lib/clickhouse',
  host: '0.0.0.0',
  port: 8123,
  maxConcurrent: MAX_CONCURRENT,
})
process.stdout.write('ready\n')
process.once('SIGTERM', () => {
  front.stop(GRACE_MS).then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
