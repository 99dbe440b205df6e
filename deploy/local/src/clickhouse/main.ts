/**
 * The front as a process of its own: `node main.ts --data-dir DIR --port N`. It ends on SIGTERM and SIGINT, and when
 * its standard input closes: that is how it notices that whoever started it is gone.
 */
import { parseArgs } from 'node:util'
import { startFront } from './startFront.ts'

/** Calls into the engine at once. The rest of libuv's threads (UV_THREADPOOL_SIZE, set by the parent) is for files. */
const MAX_CONCURRENT = 24
/** A running insert may end in this time after a stop. */
const GRACE_MS = 8_000

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string' },
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    user: { type: 'string' },
    password: { type: 'string' },
  },
})
if (values['data-dir'] === undefined)
  throw new Error('--data-dir is missing: it names the folder for the tables')

const front = await startFront({
  dataDir: values['data-dir'],
  host: values.host,
  port: Number(values.port),
  maxConcurrent: MAX_CONCURRENT,
  ...(values.password === undefined
    ? {}
    : { credentials: { user: values.user ?? 'default', password: values.password } }),
})
process.stdout.write(`${JSON.stringify({ msg: 'ready', port: front.port })}\n`)

let stopping = false
function stop(reason: string): void {
  if (stopping) return
  stopping = true
  process.stdout.write(`${JSON.stringify({ msg: 'stopping', reason })}\n`)
  front.stop(GRACE_MS).then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
}
process.on('SIGTERM', () => stop('SIGTERM'))
process.on('SIGINT', () => stop('SIGINT'))
process.stdin.on('end', () => stop('standard input closed'))
process.stdin.on('error', () => stop('standard input closed'))
process.stdin.resume()
