/** `make check`: everything that can be said about the sources without running them. All steps run; any failure fails. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { committedFileProblems } from './committedFileProblems.ts'
import { staleManifests } from './manifests.ts'
import { publicSchemaProblems } from './publicSchemas.ts'

interface Step {
  name: string
  /** Output to show when it failed; undefined when it is fine. */
  run(): Promise<string | undefined>
}

const STEPS: Step[] = [
  { name: 'format', run: () => command('oxfmt', ['--check']) },
  { name: 'lint', run: () => command('oxlint', ['--type-aware', '--deny-warnings']) },
  { name: 'types', run: () => command('tsc', []) },
  { name: 'protos: lint', run: () => command('buf', ['lint']) },
  { name: 'protos: format', run: () => command('buf', ['format', '-d', '--exit-code']) },
  // The image of the last release, or of the last `make baseline` before the first one: works without a remote.
  {
    name: 'protos: breaking',
    run: () => command('buf', ['breaking', '--against', 'tools/protos-baseline.binpb']),
  },
  { name: 'schemas: breaking', run: async () => (await publicSchemaProblems()).join('\n') || undefined },
  { name: 'unused code', run: () => command('knip', ['--no-progress']) },
  { name: 'committed files', run: committedFiles },
  { name: 'derived files', run: derivedFiles },
]

async function command(name: string, args: string[]): Promise<string | undefined> {
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return code === 0 ? undefined : Buffer.concat(output).toString('utf8')
}

async function committedFiles(): Promise<string | undefined> {
  const problems = await committedFileProblems()
  return problems.length === 0 ? undefined : problems.join('\n')
}

async function derivedFiles(): Promise<string | undefined> {
  const stale = await staleManifests()
  return stale.length === 0
    ? undefined
    : [...stale, 'Run `make manifests` and commit what it writes.'].join('\n')
}

let failed = 0
for (const step of STEPS) {
  const started = performance.now()
  const { name } = step
  const problem = await step.run()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  process.stdout.write(`${problem === undefined ? 'ok    ' : 'FAILED'}  ${name.padEnd(18)} ${seconds} s\n`)
  if (problem === undefined) continue
  failed++
  process.stdout.write(`${problem.trimEnd()}\n`)
}
process.stdout.write(failed === 0 ? 'All checks passed.\n' : `${failed} of ${STEPS.length} checks failed.\n`)
process.exitCode = failed === 0 ? 0 : 1
