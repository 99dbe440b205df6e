/**
 * `make rules`: holds the rules of deploy/monitoring to Prometheus itself, and writes down which ones it has passed. The
 * test of every run only compares that: promtool is 50 MB of Go, and minutes to build.
 *
 * 1. Nothing is installed outside the repository: Go's folders are in .tools, and go when promtool is built.
 * 2. Without Go, and without a promtool of the right version there, it is one sentence and exit code 1.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { STAMP_FILE, rulesStamp } from '../tests/monitoring/rulesStamp.ts'

/** Prometheus 3.16. */
const VERSION = 'v0.316.0'
/** Without the discovery of clouds, whose libraries are most of what would be built. */
const TAGS = 'netgo,builtinassets,stringlabels,remove_all_sd'

const root = join(import.meta.dirname, '..')
const folder = join(root, '.tools/promtool')
const promtool = join(folder, 'promtool')
const versionFile = join(folder, 'version')

build()
run(promtool, ['check', 'rules', ...files('deploy/monitoring/rules/*.yaml')])
run(promtool, ['test', 'rules', ...files('deploy/monitoring/rules/tests/*.yaml')])
writeFileSync(join(root, STAMP_FILE), `${rulesStamp(root)}\n`)

function build(): void {
  if (existsSync(promtool) && existsSync(versionFile) && readFileSync(versionFile, 'utf8') === VERSION) return
  process.stderr.write(`building promtool of Prometheus ${VERSION} into .tools/ (minutes, once)\n`)
  const go = join(root, '.tools/go')
  mkdirSync(folder, { recursive: true })
  const env = {
    ...process.env,
    GOPATH: go,
    GOCACHE: join(go, 'cache'),
    GOBIN: folder,
    GOFLAGS: '-modcacherw',
    CGO_ENABLED: '0',
  }
  run(
    'go',
    [
      'install',
      '-tags',
      TAGS,
      '-ldflags',
      '-s -w',
      `github.com/prometheus/prometheus/cmd/promtool@${VERSION}`,
    ],
    env,
  )
  writeFileSync(versionFile, VERSION)
  rmSync(go, { recursive: true, force: true })
}

function files(pattern: string): string[] {
  return globSync(pattern, { cwd: root }).sort()
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' })
  if (error && (error as NodeJS.ErrnoException).code === 'ENOENT')
    fail(`there is no \`${command}\` on this machine: install Go 1.25 or newer, it builds promtool`)
  if (status !== 0) fail(`${command} failed: its output is above`)
}

function fail(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}
