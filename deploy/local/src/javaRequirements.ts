/** What the machine has for the stack without Docker: a clear sentence instead of a stack trace when it is too little. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { javaCommand } from './javaCommand.ts'

const run = promisify(execFile)

/** Kafka 4.x needs it. */
const JAVA_MIN_VERSION = 17

export async function javaProblem(): Promise<string | undefined> {
  const version = await javaVersion()
  if (version === undefined)
    return `there is no working \`${javaCommand()}\` on this machine (Java 17 or newer is needed)`
  if (version < JAVA_MIN_VERSION)
    return `\`${javaCommand()}\` is version ${version}, and Kafka needs ${JAVA_MIN_VERSION} or newer`
  return undefined
}

export async function mavenProblem(): Promise<string | undefined> {
  const found = await output('mvn', ['-v'])
  return found === undefined
    ? 'there is no `mvn` on this machine (Maven brings the jars of Kafka)'
    : undefined
}

async function javaVersion(): Promise<number | undefined> {
  // `java -version` writes to standard error, as `openjdk version "17.0.15"` or, before 9, `"1.8.0_392"`.
  const text = await output(javaCommand(), ['-version'])
  const found = /version "(?:1\.)?(\d+)/.exec(text ?? '')?.[1]
  return found === undefined ? undefined : Number(found)
}

async function output(command: string, args: string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(command, args, { timeout: 30_000 })
    return `${stdout}${stderr}`
  } catch {
    return undefined
  }
}
