import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Health } from './health.ts'
import type { Metrics } from './metrics.ts'

/** Which program this is, and whether it is ready. */
export function observeProcess(metrics: Metrics, health: Pick<Health, 'onReadyChange'>): void {
  const build = metrics.gauge('build_info', 'Always 1; the label is the version of the program', ['version'])
  build.set({ version: programVersion() }, 1)
  const ready = metrics.gauge('ready_state', '1 while /readyz says ready, 0 otherwise')
  health.onReadyChange((now) => ready.set(now ? 1 : 0))
}

/** Version of the installed program, for example "0.1.0": all packages of a release have the same. */
function programVersion(): string {
  // The package lies one folder above, as source and as build.
  const text = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
