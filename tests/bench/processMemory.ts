import { readFile } from 'node:fs/promises'

/**
 * Memory of a process, in millions of bytes: all that is resident, and the part that is its own. The rest are pages of
 * files, the local stores' above all, which the kernel takes back whenever it needs them. Linux: from /proc.
 */
export async function processMemory(pid: number): Promise<{ residentMb: number; ownMb: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const mb = (field: string): number => {
    const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
    if (kib === undefined) throw new Error(`/proc/${pid}/status has no ${field}`)
    return (Number(kib) * 1024) / 1e6
  }
  return { residentMb: mb('VmRSS'), ownMb: mb('RssAnon') }
}
