import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface PortProcess {
  readonly port: number
  readonly pid: number
  stop(): void
}

/** Starts a file of this folder as a process that prints its port, and ends when its input does. */
export async function startPortProcess(file: string, ...args: readonly string[]): Promise<PortProcess> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const options = ['--conditions=tributary-source', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...options, path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout }))
    return { port: Number(line), pid: child.pid as number, stop: () => child.stdin.end() }
  throw new Error(`${file} ended before it listened`)
}
