/** ClickHouse without a server of its own: the front in `clickhouse/` as a process that can be stopped and killed. */
import { fileURLToPath } from 'node:url'
import { startChildProcess } from './childProcess.ts'
import { freePort } from './freePort.ts'

export interface ClickHouseProcess {
  url: string
  port: number
  pid: number
  stop(): Promise<void>
  /** As kill -9 on a server: nothing is flushed, nothing is answered. */
  kill(): Promise<void>
}

export interface ClickHouseProcessOptions {
  dataDir: string
  logFile: string
  /** Taken when free, else any. */
  port?: number
  credentials?: { user: string; password: string }
}

const MAIN = fileURLToPath(new URL('clickhouse/main.ts', import.meta.url))
const READY_TIMEOUT_MS = 30_000
/** The front itself waits up to 8 s for what runs. */
const STOP_GRACE_MS = 12_000
/** Threads for the engine's calls and the front's files; the front uses 24 of them for the engine. */
const THREADS = '32'

export async function startClickHouseFront(options: ClickHouseProcessOptions): Promise<ClickHouseProcess> {
  const port = await freePort(options.port)
  const args = [MAIN, '--data-dir', options.dataDir, '--port', String(port)]
  if (options.credentials)
    args.push('--user', options.credentials.user, '--password', options.credentials.password)
  const child = await startChildProcess({
    name: 'ClickHouse',
    command: process.execPath,
    args,
    env: { UV_THREADPOOL_SIZE: THREADS, NODE_OPTIONS: undefined },
    logFile: options.logFile,
  })
  const url = `http://127.0.0.1:${port}`
  try {
    await child.until(() => answersPing(url), READY_TIMEOUT_MS)
  } catch (error) {
    await child.kill()
    throw error
  }
  return { url, port, pid: child.pid, stop: () => child.stop(STOP_GRACE_MS), kill: () => child.kill() }
}

async function answersPing(url: string): Promise<true | undefined> {
  try {
    const answer = await fetch(`${url}/ping`, { signal: AbortSignal.timeout(1000) })
    return answer.ok ? true : undefined
  } catch {
    return undefined
  }
}
