/**
 * `make cluster-check`: see README.md. Exit code 0 when everything holds. KEEP=1 leaves the namespace there, IMAGES=keep
 * takes the images of the last run.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findCluster } from './cluster.ts'
import { checkText, clusterPage, judgeCheck } from './clusterPage.ts'
import { NAMESPACE } from './overlay.ts'
import { runCheck } from './runCheck.ts'

const root = join(import.meta.dirname, '..', '..')
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const number = (name: string, otherwise: number): number => {
  const text = process.env[name] ?? ''
  const value = text === '' ? otherwise : Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name} takes a whole number above 0, not ${text}`)
  return value
}

try {
  const cluster = await findCluster(process.env)
  const folder = join(root, '.data', 'cluster')
  await mkdir(folder, { recursive: true })
  const result = await runCheck({
    cluster,
    seed: number('SEED', 2026),
    rate: number('RATE', 20),
    folder,
    say,
    keepImages: process.env['IMAGES'] === 'keep',
  })
  await writeFile(join(folder, 'result.json'), JSON.stringify(result, null, 2))
  await writeFile(join(root, 'docs', 'reports', 'cluster.md'), clusterPage(result, new Date()))
  const held = judgeCheck(result)
  process.stdout.write(`\n${checkText(held)}\n\nThe page: docs/reports/cluster.md\n`)
  if (process.env['KEEP'] !== '1') await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--wait=false'])
  process.exitCode = held.every(({ holds }) => holds) ? 0 : 1
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
