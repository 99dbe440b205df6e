import { readFile } from 'node:fs/promises'

/** Bytes a process has caused to be written to the disk so far: pages it made dirty, counted when it did. Linux: from /proc. */
export async function processWrites(pid: number): Promise<number> {
  const bytes = /^write_bytes: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1]
  if (bytes === undefined) throw new Error(`/proc/${pid}/io has no write_bytes`)
  return Number(bytes)
}
