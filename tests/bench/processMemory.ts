import { readFile } from 'node:fs/promises'

/** Resident memory of a process, now and at its most so far, in millions of bytes. Linux: from /proc. */
export async function processMemory(pid: number): Promise<{ nowMb: number; peakMb: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const mb = (field: string): number => {
    const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
    if (kib === undefined) throw new Error(`/proc/${pid}/status has no ${field}`)
    return (Number(kib) * 1024) / 1e6
  }
  return { nowMb: mb('VmRSS'), peakMb: mb('VmHWM') }
}
