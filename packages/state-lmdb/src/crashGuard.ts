/**
 * Whether the files of a store can be believed.
 *
 * Unsynced pages survive the death of a process, for the system keeps them, but not the death of the machine, which
 * writes them in any order or not at all. So a small file beside the store says in which boot of the machine it was
 * opened, and whether it was closed and synced since. A store that was open when the machine went down is thrown
 * away and restored from its change log.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'

interface Guard {
  readonly format: number
  readonly boot: string
  /** Closed and synced. */
  readonly clean: boolean
}

/** Layout of the files; a store of another one is thrown away. */
const FORMAT = 1
const FILE = 'guard.json'

/** Undefined when the store can be believed; otherwise the reason why not. To be called before the store is opened. */
export function openGuard(path: string, boot = currentBoot()): string | undefined {
  const found = read(path)
  write(path, { format: FORMAT, boot, clean: false })
  if (found === 'none') return undefined
  if (found === 'unreadable') return 'its guard file is damaged'
  if (found.format !== FORMAT) return `it has format ${found.format}, this release writes ${FORMAT}`
  if (!found.clean && found.boot !== boot) return 'it was open when the machine went down'
  return undefined
}

/** After the store is closed: syncs its file and says so. */
export async function closeGuard(path: string, boot = currentBoot()): Promise<void> {
  const data = await open(join(path, 'data.mdb'), 'r+')
  try {
    await data.sync()
  } finally {
    await data.close()
  }
  write(path, { format: FORMAT, boot, clean: true })
}

function read(path: string): Guard | 'none' | 'unreadable' {
  let text: string
  try {
    text = readFileSync(join(path, FILE), 'utf8')
  } catch {
    return 'none'
  }
  try {
    const guard = JSON.parse(text) as Guard
    return typeof guard.boot === 'string' && typeof guard.clean === 'boolean' ? guard : 'unreadable'
  } catch {
    return 'unreadable'
  }
}

function write(path: string, guard: Guard): void {
  const next = join(path, `${FILE}.next`)
  const file = openSync(next, 'w')
  try {
    writeSync(file, JSON.stringify(guard))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(next, join(path, FILE))
}

/** Changes at each start of the machine; the same for all containers on it. Elsewhere than on Linux unknown. */
function currentBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
