/** What the pages for operators say can be done as they say it. */
import { expect, test } from '@jest/globals'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { parse } from 'yaml'
import { helmTemplate, kustomize } from '../support/kubectl.ts'
import { parseManifests, podTemplate, type Manifest } from './manifest.ts'
import { overlay } from './renderings.ts'

const root = join(import.meta.dirname, '..', '..')
const folder = 'docs/operating'
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')
const pages = globSync(`${folder}/*.md`, { cwd: root })

/** Code blocks of a language. */
function blocks(page: string, language: string): string[] {
  return [...textOf(page).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    ([, text]) => text!,
  )
}

test('every link leads to a file', () => {
  const broken = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^https?:/.test(target) && !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  )
  expect(broken).toEqual([])
})

test('every folder of k8s/ is on the page, and what is named exists', () => {
  const page = textOf(`${folder}/kubernetes.md`)
  const named = [...page.matchAll(/^\| `((?:base|components|overlays)[a-z/-]*)`/gm)].map(([, name]) => name!)
  const there = globSync(['k8s/base', 'k8s/{components,overlays}/*'], { cwd: root })
  expect(named.sort()).toEqual(there.map((path) => path.slice('k8s/'.length)).sort())
})

test('every make target that a page names exists', () => {
  const targets = [...textOf('Makefile').matchAll(/^([a-z-]+):.*##/gm)].map(([, name]) => name!)
  const named = pages.flatMap((page) =>
    [...textOf(page).matchAll(/`make ([a-z-]+)/g)].map(([, name]) => name!),
  )
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => !targets.includes(name))).toEqual([])
})

test('the ports of the page are those of the manifests', async () => {
  const rows = [...textOf(`${folder}/kubernetes.md`).matchAll(/^\| (\d{4}) +\| ([a-z, -]+?) +\|/gm)]
  const said = rows.flatMap(([, port, of]) => of!.split(', ').map((service) => `${service} ${port}`))
  const services = (await overlay('small')).filter(({ kind }) => /^(Deployment|StatefulSet)$/.test(kind))
  const opened = services.flatMap((each) =>
    podTemplate(each)!.spec.containers[0]!.ports!.map(({ name, containerPort }) =>
      name === 'admin' ? `all ${containerPort}` : `${each.metadata.name} ${containerPort}`,
    ),
  )
  expect([...new Set(said)].sort()).toEqual([...new Set(opened)].sort())
})

test('the overlay of the installation page renders, with the settings it says', async () => {
  const [text] = blocks(`${folder}/README.md`, 'yaml')
  await mkdir(join(root, '.data'), { recursive: true })
  const own = await mkdtemp(join(root, '.data', 'overlay-'))
  try {
    const kustomization = parse(text!) as {
      resources: string[]
      components: string[]
      configMapGenerator: { files?: string[]; literals?: string[] }[]
    }
    const moved = (paths: string[]) =>
      paths.map((path) => relative(own, join(root, 'k8s', 'overlays', 'small', path)))
    kustomization.resources = moved(kustomization.resources)
    kustomization.components = moved(kustomization.components)
    for (const file of kustomization.configMapGenerator.flatMap(({ files = [] }) => files))
      await writeFile(join(own, file), 'kind: Workspace\n')
    await writeFile(join(own, 'kustomization.yaml'), JSON.stringify(kustomization))
    const manifests = parseManifests(await kustomize(relative(root, own)))
    for (const literal of kustomization.configMapGenerator.flatMap(({ literals = [] }) => literals))
      expect(settings(manifests)).toContainEqual(literal)
    expect(podTemplate(manifests.find(({ kind }) => kind === 'Deployment')!)!.spec.containers[0]!.image).toBe(
      'registry.example/tributary:0.1.0',
    )
  } finally {
    await rm(own, { recursive: true, force: true })
  }
})

test('the Helm command of the installation page renders, with the settings it says', async () => {
  const text = blocks(`${folder}/README.md`, 'sh').find((block) => block.startsWith('helm upgrade'))!
  const own = await mkdtemp(join(root, '.data', 'chart-'))
  try {
    await writeFile(join(own, 'sources.yaml'), 'kind: Workspace\n')
    const words = text
      .replaceAll('\\\n', ' ')
      .trim()
      .split(/\s+/)
      .map((word) => word.replaceAll("'", '').replace('=sources.yaml', `=${join(own, 'sources.yaml')}`))
    expect(words.slice(0, 5)).toEqual(['helm', 'upgrade', '--install', 'tributary', 'deploy/helm'])
    const manifests = parseManifests(await helmTemplate(words.slice(5)))
    expect(settings(manifests)).toEqual(
      expect.arrayContaining([
        'KAFKA_BROKERS=kafka.example:9092',
        'CLICKHOUSE_URL=http://clickhouse.example:8123',
      ]),
    )
    expect(manifests.find(({ metadata }) => metadata.name === 'tributary-workspace')!.data).toEqual({
      'sources.yaml': 'kind: Workspace\n',
    })
  } finally {
    await rm(own, { recursive: true, force: true })
  }
})

function settings(manifests: readonly Manifest[]): string[] {
  const map = manifests.find(
    ({ kind, data }) => kind === 'ConfigMap' && data?.['KAFKA_BROKERS'] !== undefined,
  )!
  return Object.entries(map.data!).map(([name, value]) => `${name}=${value}`)
}

test('the commands of Jobs and CronJobs are those of the program', async () => {
  const manifests = await overlay('small')
  const commands = manifests
    .filter(({ kind }) => kind === 'Job' || kind === 'CronJob')
    .map((manifest) => podTemplate(manifest)!.spec.containers[0]!.command!)
  const page = textOf('docs/reference/cli.md')
  expect(commands.length).toBeGreaterThan(5)
  expect(
    commands.filter(([program, name]) => program !== 'tributary' || !page.includes(`\`tributary ${name}`)),
  ).toEqual([])
})
