/** The machine a number was measured on: without it the number says nothing. */
import { cpus, freemem, loadavg, release, totalmem, type as system } from 'node:os'

export interface Machine {
  cpu: string
  cores: number
  memoryGb: number
  system: string
  node: string
  /** Other work on the machine while it was measured. */
  load: number
}

export function machine(): Machine {
  const all = cpus()
  return {
    cpu: all[0]?.model.replaceAll(/\s+/g, ' ').trim() ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${system()} ${release()}`,
    node: process.version,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}

export function machineLine(on: Machine): string {
  const free = Math.round(freemem() / 2 ** 30)
  return `${on.cpu}, ${on.cores} cores, ${on.memoryGb} GB (${free} free), ${on.system}, Node ${on.node}, load ${on.load}`
}
