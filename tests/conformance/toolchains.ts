/**
 * The SDKs as their registries have them, in a folder of their own that git ignores: installed when they are missing or their
 * versions changed. A toolchain that is not on the machine, or a registry that does not answer, is a reason, not an error.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const CLIENTS = fileURLToPath(new URL('clients', import.meta.url))
const HOME = fileURLToPath(new URL('../../.tools/conformance', import.meta.url))

const run = promisify(execFile)
/** Debian's; another one by its path. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
/** A registry on a slow line. */
const INSTALL_MS = 300_000

export type ToolchainName = 'npm' | 'python' | 'go' | 'java' | 'chromium'

/** How a client is started. */
export type Start = (client: string) => { command: string; args: string[]; cwd: string }

export type Toolchain = { readonly start: Start } | { readonly missing: string }

interface Recipe {
  /** Files of CLIENTS that decide what is installed, or built. */
  readonly files: readonly string[]
  /** Asked each time: what was installed once is of no use without it. */
  readonly probe: readonly [string, ...string[]]
  readonly steps: readonly (readonly [string, ...string[]])[]
  readonly start: (folder: string) => Start
}

const recipes: Readonly<Record<ToolchainName, Recipe>> = {
  npm: {
    files: [
      'package.json',
      'analyticsNode.cjs',
      'analyticsNodeOld.cjs',
      'rudderNode.cjs',
      'jitsu.cjs',
      'recorded.cjs',
    ],
    probe: ['npm', '--version'],
    steps: [['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts']],
    start: (cwd) => (client) => ({ command: process.execPath, args: [`${client}.cjs`], cwd }),
  },
  python: {
    files: ['requirements.txt', 'analyticsPython.py', 'rudderPython.py'],
    probe: ['python3', '--version'],
    steps: [
      ['python3', '-m', 'venv', 'venv'],
      ['venv/bin/pip', 'install', '--quiet', '-r', 'requirements.txt'],
    ],
    start: (cwd) => (client) => ({ command: join(cwd, 'venv/bin/python'), args: [`${client}.py`], cwd }),
  },
  go: {
    files: ['go.mod', 'analyticsGo.go'],
    probe: ['go', 'version'],
    steps: [['go', 'build', '-mod=mod', '-o', 'analyticsGo', 'analyticsGo.go']],
    start: (cwd) => (client) => ({ command: join(cwd, client), args: [], cwd }),
  },
  java: {
    files: ['pom.xml', 'AnalyticsJava.java'],
    probe: ['java', '-version'],
    steps: [
      ['mvn', '-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib'],
      ['javac', '-cp', 'lib/*', '-d', '.', 'AnalyticsJava.java'],
    ],
    start: (cwd) => (client) => ({ command: 'java', args: ['-cp', 'lib/*:.', client], cwd }),
  },
  chromium: {
    files: ['browser/package.json', 'browser/browser.cjs', 'browser/page.mjs'],
    probe: [CHROMIUM, '--version'],
    steps: [
      ['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts'],
      ['node_modules/.bin/esbuild', 'page.mjs', '--bundle', '--format=iife', '--outfile=bundle.js'],
    ],
    start: (cwd) => (client) => ({ command: process.execPath, args: [`${client}.cjs`], cwd }),
  },
}

export async function toolchain(name: ToolchainName): Promise<Toolchain> {
  const { files, probe, steps, start } = recipes[name]
  const folder = join(HOME, name)
  const marker = join(folder, 'installed')
  const texts = await Promise.all(files.map((file) => readFile(join(CLIENTS, file), 'utf8')))
  const wanted = JSON.stringify([steps, texts])
  const installed = (await readFile(marker, 'utf8').catch(() => '')) === wanted
  await mkdir(folder, { recursive: true })
  if (!installed)
    await Promise.all(files.map((file) => cp(join(CLIENTS, file), join(folder, basename(file)))))
  for (const [command, ...args] of installed ? [probe] : [probe, ...steps]) {
    try {
      // Options of this process are not for npm.
      const env = { ...process.env, NODE_OPTIONS: '' }
      // oxlint-disable-next-line no-await-in-loop -- one step needs the one before
      await run(command, args, { cwd: folder, timeout: INSTALL_MS, env })
    } catch (error) {
      const { code, stderr = '' } = error as { code?: unknown; stderr?: string }
      if (code === 'ENOENT') return { missing: `${command} is not on this machine` }
      return { missing: `"${[command, ...args].join(' ')}" failed: ${stderr.trim().slice(-300)}` }
    }
  }
  if (!installed) await writeFile(marker, wanted)
  return { start: start(folder) }
}
