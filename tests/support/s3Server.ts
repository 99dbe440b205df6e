/** A server that speaks S3, on a fresh folder: s3proxy, from Maven. It checks signatures and knows one pair of keys. */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChildProcess, startChildProcess } from '../../deploy/local/src/childProcess.ts'
import { freePort } from '../../deploy/local/src/freePort.ts'
import { javaCommand } from '../../deploy/local/src/javaCommand.ts'
import { mavenJars } from '../../deploy/local/src/mavenJars.ts'

export interface S3Server {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** What a bucket holds, by name, as it lies on the disk. */
  objects(bucket: string): Promise<Map<string, Uint8Array>>
  /** kill -9; `start` brings it back on the same port, with its objects. */
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

const POM = fileURLToPath(new URL('s3proxy/pom.xml', import.meta.url))
const LOGBACK = fileURLToPath(new URL('s3proxy/logback.xml', import.meta.url))
const READY_MS = 60_000
const JVM = ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

export async function startS3(options: {
  readonly logFile: string
  readonly buckets: readonly string[]
}): Promise<S3Server> {
  const jars = await mavenJars({ name: 's3proxy', title: 's3proxy', megabytes: 38, pom: POM }, (text) =>
    process.stderr.write(`${text}\n`),
  )
  const folder = await mkdtemp(join(tmpdir(), 's3-'))
  const data = join(folder, 'data')
  // A bucket is a folder.
  await Promise.all(options.buckets.map((bucket) => mkdir(join(data, bucket), { recursive: true })))
  const endpoint = `http://127.0.0.1:${await freePort()}`
  const accessKeyId = 'local-identity'
  const secretAccessKey = randomBytes(16).toString('hex')
  const properties = join(folder, 's3proxy.conf')
  const entries = {
    's3proxy.endpoint': endpoint,
    's3proxy.authorization': 'aws-v2-or-v4',
    's3proxy.identity': accessKeyId,
    's3proxy.credential': secretAccessKey,
    'jclouds.provider': 'filesystem-nio2',
    'jclouds.filesystem.basedir': data,
  }
  await writeFile(
    properties,
    Object.entries(entries)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  let child: ChildProcess

  async function start(): Promise<void> {
    const classpath = ['-cp', `${join(jars, 'libs')}/*`]
    child = await startChildProcess({
      name: 's3proxy',
      command: javaCommand(),
      args: [
        ...JVM,
        `-Dlogback.configurationFile=${LOGBACK}`,
        ...classpath,
        'org.gaul.s3proxy.Main',
        '--properties',
        properties,
      ],
      logFile: options.logFile,
    })
    // Whatever it answers, it answers.
    await child.until(
      () =>
        fetch(endpoint).then(
          () => true as const,
          () => undefined,
        ),
      READY_MS,
    )
  }
  await start()
  return {
    endpoint,
    accessKeyId,
    secretAccessKey,
    async objects(bucket) {
      const root = join(data, bucket)
      const files = await readdir(root, { recursive: true, withFileTypes: true })
      const names = files.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name))
      return new Map(
        await Promise.all(names.map(async (name) => [relative(root, name), await readFile(name)] as const)),
      )
    },
    start,
    kill: () => child.kill(),
    async stop() {
      await child.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
