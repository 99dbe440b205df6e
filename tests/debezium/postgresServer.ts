/** A PostgreSQL of its own for one run: the machine's server programs on a fresh folder, with logical decoding. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startChildProcess } from '../../deploy/local/src/childProcess.ts'
import { freePort } from '../../deploy/local/src/freePort.ts'

const run = promisify(execFile)

export interface PostgresServer {
  readonly port: number
  sql(text: string): Promise<string>
  stop(): Promise<void>
}

/** Where Debian puts the programs of each version. */
const DEBIAN = '/usr/lib/postgresql'
const READY_MS = 30_000
const STOP_MS = 10_000

/** Folder of initdb and postgres; undefined when they are not on this machine. */
export async function postgresPrograms(): Promise<string | undefined> {
  const named = await run('pg_config', ['--bindir']).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
  const versions = await readdir(DEBIAN).catch(() => [])
  const folders = versions.toSorted((a, b) => Number(b) - Number(a)).map((each) => join(DEBIAN, each, 'bin'))
  return [named, ...folders].find((folder) => folder !== '' && existsSync(join(folder, 'initdb')))
}

export async function startPostgres(programs: string, logFile: string): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'))
  const as = await unprivileged(folder)
  const data = join(folder, 'data')
  const initdb = [...as, join(programs, 'initdb'), '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8']
  await run(initdb[0]!, [...initdb.slice(1), '--no-locale', '--no-sync'])
  const port = await freePort()
  const server = [join(programs, 'postgres'), '-D', data, '-p', String(port), '-k', folder]
  const [command, ...args] = [
    ...as,
    ...server,
    ...['listen_addresses=127.0.0.1', 'wal_level=logical', 'fsync=off'].flatMap((each) => ['-c', each]),
  ]
  const child = await startChildProcess({ name: 'PostgreSQL', command: command!, args, logFile })
  const sql = async (text: string): Promise<string> => {
    const options = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', String(port)]
    return (await run(join(programs, 'psql'), [...options, '-U', 'postgres', '-c', text])).stdout
  }
  const stop = async (): Promise<void> => {
    // Fast shutdown: it does not wait for its clients.
    child.signal('SIGINT')
    await child.stop(STOP_MS)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await child.until(() => sql('SELECT 1').catch(() => undefined), READY_MS)
  } catch (error) {
    await stop()
    throw error
  }
  return { port, sql, stop }
}

/** PostgreSQL refuses to run as root: as its own user then, to whom the folder is given. */
async function unprivileged(folder: string): Promise<string[]> {
  if (process.getuid?.() !== 0) return []
  const id = async (option: string): Promise<number> => Number((await run('id', [option, 'postgres'])).stdout)
  const [user, group] = [await id('-u'), await id('-g')]
  await chown(folder, user, group)
  await chmod(folder, 0o700)
  return ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups', '--']
}
