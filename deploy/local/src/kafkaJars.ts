/** Kafka's jars from Maven, fetched once per version of deploy/local/kafka/pom.xml and kept in .tools/. */
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

const POM = fileURLToPath(new URL('../kafka/pom.xml', import.meta.url))
const TOOLS = fileURLToPath(new URL('../../../.tools/', import.meta.url))
/** 45 jars, 43 MB: seconds on a good line, so this is a line that hangs. */
const DOWNLOAD_TIMEOUT_MS = 600_000

/** The folder with the jars; complete or not there at all. */
export async function kafkaJars(log: Log): Promise<string> {
  const pom = await readFile(POM)
  const name = `kafka-${createHash('sha256').update(pom).digest('hex').slice(0, 12)}`
  const folder = join(TOOLS, name)
  if (existsSync(join(folder, 'complete'))) return folder

  const problem = await mavenProblem()
  if (problem !== undefined) throw new Error(`The jars of Kafka cannot be fetched: ${problem}.`)
  log('fetching Kafka from Maven (once, 43 MB) …')
  const work = join(TOOLS, `${name}.${process.pid}`)
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  try {
    await cp(POM, join(work, 'pom.xml'))
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
    throw new Error(`Maven could not fetch the jars of Kafka (${POM}):\n${said ?? String(error)}`, {
      cause: error,
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return folder
}
