/**
 * The instances of a run, as a cluster's scheduler would keep them: what ends without being asked to is started again,
 * and what cannot start yet is tried again.
 *
 * An instance is up (a process runs; `ready` once it said so), down on purpose, stalled, or removed.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  startServiceProcess,
  type ServiceName,
  type ServiceProcess,
} from '../../deploy/local/src/serviceProcess.ts'

export interface FleetOptions {
  settings: Record<string, string>
  dataDir: string
  logsDir: string
  say: (line: string) => void
}

type State = 'starting' | 'ready' | 'down' | 'stalled' | 'removed'

interface Instance {
  service: ServiceName
  name: string
  state: State
  process: ServiceProcess
}

interface UnaskedEnd {
  instance: string
  how: string
}

/** Between two tries to start. */
const RETRY_MS = 1_000

export class Fleet {
  readonly unasked: UnaskedEnd[] = []
  readonly #options: FleetOptions
  readonly #instances: Instance[] = []
  #stopping = false

  constructor(options: FleetOptions) {
    this.#options = options
  }

  /** Takes over what the launcher has started. */
  adopt(process: ServiceProcess): void {
    const instance: Instance = {
      service: process.service,
      name: process.instance,
      state: 'ready',
      process,
    }
    this.#instances.push(instance)
    void this.#startAfterEnd(instance)
  }

  /** Those a disturbance may be done to: `pick` in 0…1 chooses one. Undefined when there is none now. */
  choose(service: ServiceName, pick: number, states: readonly State[]): string | undefined {
    const there = this.#instances.filter((one) => one.service === service && states.includes(one.state))
    return there[Math.floor(pick * there.length)]?.name
  }

  /** Processes of a service, running or not. */
  of(service: ServiceName): ServiceProcess[] {
    return this.#instances
      .filter((one) => one.service === service && one.state !== 'removed')
      .map((one) => one.process)
  }

  allReady(): boolean {
    return this.#instances.every(({ state }) => state === 'ready' || state === 'removed')
  }

  describe(): string {
    return this.#instances
      .filter(({ state }) => state !== 'ready' && state !== 'removed')
      .map(({ name, state }) => `${name} ${state}`)
      .join(', ')
  }

  /** kill -9; started again after `downMs`, without its local store when `deleteStore`. */
  async kill(name: string, { downMs, deleteStore }: { downMs: number; deleteStore: boolean }): Promise<void> {
    const instance = this.#find(name)
    instance.state = 'down'
    await instance.process.kill()
    if (deleteStore) await rm(join(this.#options.dataDir, 'state', name), { recursive: true, force: true })
    await sleep(downMs)
    await this.#start(instance)
  }

  async stall(name: string, forMs: number): Promise<void> {
    const instance = this.#find(name)
    instance.state = 'stalled'
    instance.process.signal('SIGSTOP')
    await sleep(forMs)
    if (instance.state !== 'stalled') return
    instance.process.signal('SIGCONT')
    instance.state = 'ready'
  }

  async add(service: ServiceName, name: string): Promise<void> {
    const { settings, dataDir, logsDir } = this.#options
    while (!this.#stopping) {
      try {
        const process = await startServiceProcess({ service, instance: name, settings, dataDir, logsDir })
        // Stopped meanwhile: it must not stay behind.
        if (this.#stopping) await process.kill()
        else this.adopt(process)
        return
      } catch (error) {
        this.#didNotStart(name, error)
        await sleep(RETRY_MS)
      }
    }
  }

  /** A clean stop, for good. */
  async remove(name: string): Promise<void> {
    const instance = this.#find(name)
    instance.state = 'removed'
    await instance.process.stop()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(
      this.#instances.map(async (instance) => {
        instance.state = 'removed'
        await instance.process.stop()
      }),
    )
  }

  async #start(instance: Instance): Promise<void> {
    while (!this.#stopping && (instance.state === 'down' || instance.state === 'starting')) {
      instance.state = 'starting'
      try {
        await instance.process.start()
      } catch (error) {
        // Killed while it started: whoever did that starts it.
        if ((instance.state as State) !== 'starting') return
        this.#didNotStart(instance.name, error)
        await sleep(RETRY_MS)
        continue
      }
      if (this.#stopping) return instance.process.kill()
      instance.state = 'ready'
      void this.#startAfterEnd(instance)
      return
    }
  }

  async #startAfterEnd(instance: Instance): Promise<void> {
    const { code, signal } = await instance.process.ended()
    if (this.#stopping || instance.state !== 'ready') return
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`
    this.unasked.push({ instance: instance.name, how })
    this.#options.say(`${instance.name} ended by itself (${how}); it is started again`)
    instance.state = 'down'
    await sleep(RETRY_MS)
    await this.#start(instance)
  }

  #didNotStart(instance: string, error: unknown): void {
    if (this.#stopping) return
    const how = firstLine(error)
    this.unasked.push({ instance, how })
    this.#options.say(`${instance} did not start, once more: ${how}`)
  }

  #find(name: string): Instance {
    const found = this.#instances.find((one) => one.name === name)
    if (!found) throw new Error(`there is no ${name}`)
    return found
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!
}
