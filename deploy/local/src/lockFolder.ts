/** One stack per data folder: a second one would ruin the first one's files. The lock is a file with a living pid. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { startTimeOf } from './startTime.ts'

export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  // Beside the folder, not in it: a fresh start empties the folder.
  const file = `${folder.replace(/\/+$/, '')}.lock`
  await mkdir(folder, { recursive: true })
  const mine = JSON.stringify({ pid: process.pid, started: startTimeOf(process.pid) })
  for (;;) {
    try {
      await writeFile(file, mine, { flag: 'wx' })
      return () => rm(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = await readHolder(file)
    if (holder && startTimeOf(holder.pid) === holder.started) {
      throw new Error(
        `A stack already runs on ${folder} (process ${holder.pid}): stop it first, or use another folder.`,
      )
    }
    await rm(file, { force: true })
  }
}

async function readHolder(file: string): Promise<{ pid: number; started: string } | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { pid: number; started: string }
  } catch {
    return undefined
  }
}
