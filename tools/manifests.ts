/**
 * Manifests that follow from others: Strimzi's topics and users from the catalogue, and the chart's files from k8s/.
 * `make manifests` writes them; a test says when they are stale.
 */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse, stringify } from 'yaml'
import { topicsAs, type TopicFormat } from '../packages/cli/src/output/topicFormats.ts'

const root = join(import.meta.dirname, '..')
const CHART = 'deploy/helm/files'
const STRIMZI = 'k8s/components/strimzi'
const MONITORING = 'k8s/components/monitoring'

/** As k8s/base has them; an installation with other numbers prints its own with `tributary topics --format strimzi`. */
const DEFAULTS = {
  topicPrefix: 'cdp',
  groupPrefix: 'cdp',
  epoch: 1,
  replicationFactor: 3,
  minIsr: 2,
  counts: { identifier: 12, profile: 12, delivery: 12 },
}

/** What the chart can switch on; each has its own objects in a file or more. */
const COMPONENTS = [
  'strimzi',
  'keda',
  'keda-strimzi',
  'autoscaling',
  'cert-manager',
  'network-policies',
  'monitoring',
  'ingress',
]
/** Components that change settings. */
const WITH_SETTINGS = ['strimzi', 'cert-manager']

interface Kustomization {
  resources?: string[]
  configMapGenerator?: { name: string; literals?: string[]; files?: string[] }[]
}

/** Path from the root of the repository → content. */
async function derivedManifests(): Promise<Map<string, string>> {
  const derived = new Map<string, string>()
  derived.set(`${STRIMZI}/topics.yaml`, strimzi('strimzi'))
  derived.set(`${STRIMZI}/users.yaml`, strimzi('strimzi-users'))

  derived.set(`${MONITORING}/rules.yaml`, await prometheusRules())
  derived.set(`${MONITORING}/dashboards.yaml`, await dashboards())

  const read = async (path: string): Promise<string> =>
    derived.get(path) ?? (await readFile(join(root, path), 'utf8'))
  const kustomization = async (folder: string): Promise<Kustomization> =>
    parse(await read(`${folder}/kustomization.yaml`)) as Kustomization
  const copy = async (folder: string, to: string): Promise<void> => {
    for (const file of (await kustomization(folder)).resources ?? [])
      if (file.endsWith('.yaml')) derived.set(`${CHART}/${to}/${file}`, await read(`${folder}/${file}`))
  }

  await copy('k8s/base', 'base')
  for (const component of COMPONENTS) await copy(`k8s/components/${component}`, component)
  derived.set(`${CHART}/settings.yaml`, settingsOf(await kustomization('k8s/base')))
  for (const component of WITH_SETTINGS)
    derived.set(
      `${CHART}/settings-${component}.yaml`,
      settingsOf(await kustomization(`k8s/components/${component}`)),
    )
  const patches = parse(await read('k8s/components/cert-manager/environment.yaml')) as { value: unknown }[]
  derived.set(
    `${CHART}/environment-cert-manager.yaml`,
    header('k8s/components/cert-manager/environment.yaml') + stringify(patches.map(({ value }) => value)),
  )
  derived.set(`${CHART}/workspace.yaml`, await read('k8s/base/workspace.yaml'))
  return derived
}

/** Paths of derived files that are missing, not as they would be written, or derived from nothing any more. */
export async function staleManifests(): Promise<string[]> {
  const derived = await derivedManifests()
  const stale: string[] = []
  for (const [path, content] of derived)
    if ((await readFile(join(root, path), 'utf8').catch(() => undefined)) !== content) stale.push(path)
  return [...stale, ...(await leftOver(derived))]
}

/** Files of the chart that nothing derives any more. */
async function leftOver(derived: ReadonlyMap<string, string>): Promise<string[]> {
  const there = await readdir(join(root, CHART), { recursive: true, withFileTypes: true }).catch(() => [])
  return there
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => !derived.has(path))
}

function strimzi(format: TopicFormat): string {
  return `# Written by \`make manifests\` from packages/contracts/src/topics.ts and topicAccess.ts: do not change it here.\n${topicsAs(format, DEFAULTS)}\n`
}

const labelled = (name: string, more: Record<string, string> = {}) => ({
  name,
  labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'tributary', ...more },
})

/** The files of deploy/monitoring/rules, each as a resource of the Prometheus operator. */
async function prometheusRules(): Promise<string> {
  const folder = 'deploy/monitoring/rules'
  const names = (await readdir(join(root, folder))).filter((name) => name.endsWith('.yaml')).toSorted()
  const resources = await Promise.all(
    names.map(async (name) => ({
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: labelled(`tributary-${name.replace('.yaml', '')}`),
      spec: parse(await readFile(join(root, folder, name), 'utf8')) as unknown,
    })),
  )
  return header(folder) + resources.map((each) => stringify(each, { lineWidth: 0 })).join('---\n')
}

/** The files of deploy/monitoring/dashboards as ConfigMaps that Grafana's sidecar takes. */
async function dashboards(): Promise<string> {
  const folder = 'deploy/monitoring/dashboards'
  const there = await readdir(join(root, folder)).catch(() => [])
  const resources = await Promise.all(
    there
      .filter((name) => name.endsWith('.json'))
      .toSorted()
      .map(async (name) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: labelled(`tributary-dashboard-${name.replace('.json', '')}`, { grafana_dashboard: '1' }),
        data: { [name]: await readFile(join(root, folder, name), 'utf8') },
      })),
  )
  return header(folder) + resources.map((each) => stringify(each, { lineWidth: 0 })).join('---\n')
}

function settingsOf({ configMapGenerator = [] }: Kustomization): string {
  const literals = configMapGenerator.find(({ name }) => name === 'tributary')?.literals ?? []
  const pairs = literals.map((literal) => {
    const at = literal.indexOf('=')
    return [literal.slice(0, at), literal.slice(at + 1)]
  })
  return header('the kustomization of the same name in k8s/') + stringify(Object.fromEntries(pairs))
}

function header(source: string): string {
  return `# Written by \`make manifests\` from ${source}: do not change it here.\n`
}

if (process.argv[1] === import.meta.filename) {
  const derived = await derivedManifests()
  for (const [path, content] of derived) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  for (const path of await leftOver(derived)) await rm(join(root, path))
  process.stdout.write(`${derived.size} files written\n`)
}
