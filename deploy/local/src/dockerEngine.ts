/** The Docker engine of this machine, asked over its own HTTP interface: is it there, and away with a container. */
import { request } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'

export type DockerEngine = { socketPath: string } | { host: string; port: number }

/** A local engine answers in milliseconds; one that takes longer is of no use here. */
const PING_TIMEOUT_MS = 2_000
const REMOVE_TIMEOUT_MS = 10_000

export async function findDockerEngine(
  environment: Record<string, string | undefined> = process.env,
): Promise<DockerEngine | undefined> {
  for (const engine of candidates(environment)) {
    if ((await ask(engine, 'GET', '/_ping', PING_TIMEOUT_MS)) === 200) return engine
  }
  return undefined
}

/** Kills and removes, with its volumes. */
export async function removeContainer(engine: DockerEngine, id: string): Promise<void> {
  await ask(engine, 'DELETE', `/containers/${id}?force=1&v=1`, REMOVE_TIMEOUT_MS)
}

/** Nothing happens when there is none of that name. */
export async function removeVolume(engine: DockerEngine, name: string): Promise<void> {
  await ask(engine, 'DELETE', `/volumes/${name}`, REMOVE_TIMEOUT_MS)
}

function candidates(environment: Record<string, string | undefined>): DockerEngine[] {
  const host = environment['DOCKER_HOST']
  if (host?.startsWith('unix://')) return [{ socketPath: host.slice('unix://'.length) }]
  if (host !== undefined && host !== '') {
    const url = new URL(host)
    return [{ host: url.hostname, port: Number(url.port || 2375) }]
  }
  const runtime = environment['XDG_RUNTIME_DIR']
  return [
    { socketPath: '/var/run/docker.sock' },
    ...(runtime ? [{ socketPath: join(runtime, 'docker.sock') }] : []),
    { socketPath: join(homedir(), '.docker', 'run', 'docker.sock') },
  ]
}

/** The status of the answer; undefined when there is none. */
function ask(
  engine: DockerEngine,
  method: string,
  path: string,
  timeout: number,
): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = request({ ...engine, method, path, timeout }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(undefined))
    asked.end()
  })
}
