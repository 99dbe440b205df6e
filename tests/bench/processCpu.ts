import { readFile } from 'node:fs/promises'

/** Ticks of the kernel's accounts per second: 100 on every Linux. */
const TICKS = 100

/** CPU seconds a process has used so far, its own and the kernel's for it. Linux: from /proc. */
export async function processCpu(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name, in brackets, may hold anything; 14 and 15 are utime and stime, and the state after the name is 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}
