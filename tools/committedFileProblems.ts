/**
 * What must not be committed, because it is of one machine or one run only: absolute paths of a home or a work
 * folder, the address of a package registry of one's own, logs and profiles. Git's list of files is the list; ignored ones are free.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

const PUBLIC_REGISTRY = 'registry.npmjs.org'
/** Users of container images have a home of a known name. */
const ABSOLUTE_PATH = /(?<![\w.~$}])\/(?:work|root|home|Users)\/(?!node\b|nonroot\b)[\w.-]+/g
/** What runs and profilers leave behind. */
const LEFT_BEHIND = /\.(?:log|cpuprofile|heapprofile|heapsnapshot|perf)$/
/** A larger file is data; nobody writes a path into it by hand. */
const MAX_BYTES = 2 * 1024 * 1024

export async function committedFileProblems(): Promise<string[]> {
  const { stdout } = await run('git', ['ls-files', '-z'], { maxBuffer: 64 * 1024 * 1024 })
  const registry = await ownRegistry()
  const problems: string[] = []
  for (const file of stdout.split('\0').filter((name) => name !== '' && existsSync(name))) {
    const { size } = await stat(file)
    if (size > MAX_BYTES) continue
    const text = await readFile(file, 'utf8')
    // Binary.
    if (text.includes('\0')) continue
    problems.push(...problemsIn(file, text, registry))
  }
  return problems
}

export function problemsIn(file: string, text: string, registry: string | undefined): string[] {
  const problems: string[] = []
  if (LEFT_BEHIND.test(file)) problems.push(`${file}: was left behind by a run: remove it`)
  for (const [index, line] of text.split('\n').entries()) {
    for (const [path] of line.matchAll(ABSOLUTE_PATH)) {
      problems.push(
        `${file}:${index + 1}: the absolute path ${path} exists on one machine only: make it relative`,
      )
    }
    if (registry !== undefined && line.includes(registry)) {
      problems.push(`${file}:${index + 1}: names this machine's package registry: remove the address`)
    }
    if (file === 'pnpm-lock.yaml' && /tarball:\s*\S*:\/\//.test(line)) {
      problems.push(
        `${file}:${index + 1}: a download address in the lock file: install again with the public registry`,
      )
    }
  }
  return problems
}

async function ownRegistry(): Promise<string | undefined> {
  const { stdout } = await run('npm', ['config', 'get', 'registry'])
  const host = URL.canParse(stdout.trim()) ? new URL(stdout.trim()).host : undefined
  return host === PUBLIC_REGISTRY ? undefined : host
}
