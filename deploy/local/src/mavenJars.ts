/** Jars from Maven, fetched once per version of a pom.xml and kept in .tools/. */
import { createHash } from 'node:crypto'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { mavenProblem } from './javaRequirements.ts'
import type { Log } from './localStack.ts'

const run = promisify(execFile)

const TOOLS = fileURLToPath(new URL('../../../.tools/', import.meta.url))
/** Some tens of jars and megabytes: seconds on a good line, so this is a line that hangs. */
const DOWNLOAD_TIMEOUT_MS = 600_000

export interface Jars {
  /** Of the folder in .tools/. */
  readonly name: string
  /** What they are, for people. */
  readonly title: string
  readonly megabytes: number
  /** The pom.xml that names them. */
  readonly pom: string
}

/** The folder with `libs/`; complete or not there at all. */
export async function mavenJars({ name, title, megabytes, pom }: Jars, log: Log): Promise<string> {
  const content = await readFile(pom)
  const versioned = `${name}-${createHash('sha256').update(content).digest('hex').slice(0, 12)}`
  const folder = join(TOOLS, versioned)
  if (existsSync(join(folder, 'complete'))) return folder

  const problem = await mavenProblem()
  if (problem !== undefined) throw new Error(`The jars of ${title} cannot be fetched: ${problem}.`)
  log(`fetching ${title} from Maven (once, ${megabytes} MB) …`)
  const work = join(TOOLS, `${versioned}.${process.pid}`)
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  try {
    await cp(pom, join(work, 'pom.xml'))
    await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=libs'], {
      cwd: work,
      timeout: DOWNLOAD_TIMEOUT_MS,
      maxBuffer: 16 * 1024 * 1024,
    })
    await writeFile(join(work, 'complete'), '')
    await rm(folder, { recursive: true, force: true })
    await rename(work, folder)
  } catch (error) {
    const said = (error as { stdout?: string }).stdout?.split('\n').slice(0, 12).join('\n')
    throw new Error(`Maven could not fetch the jars of ${title} (${pom}):\n${said ?? String(error)}`, {
      cause: error,
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return folder
}
