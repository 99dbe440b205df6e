import type { WriteStream } from 'node:tty'
import type { Watching } from './runWeek.ts'

const WIDTH = 30
/** Without a terminal, a line at each of these shares: a log is read later, not watched. */
const STEPS = 4

/** A bar on a terminal; elsewhere a line now and then. */
export function terminalProgress(out: NodeJS.WriteStream | WriteStream): Watching & { end(): void } {
  let line = ''
  let step = ''
  const clear = (): void => {
    if (line !== '') out.write('\n')
    line = ''
  }
  return {
    progress(what, done, of) {
      const share = of === 0 ? 1 : Math.min(1, done / of)
      if (out.isTTY) {
        if (line !== what) clear()
        line = what
        const full = Math.round(share * WIDTH)
        out.write(`\r${what.padEnd(30)} ${'█'.repeat(full)}${'·'.repeat(WIDTH - full)} ${done} of ${of}`)
        return
      }
      const now = `${what} ${Math.floor(share * STEPS)}`
      if (now === step) return
      step = now
      out.write(`${what}: ${done} of ${of}\n`)
    },
    end: clear,
  }
}
