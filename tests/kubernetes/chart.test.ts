/** The Helm chart is the same as k8s/: object by object, for each thing that it can switch on. */
import { describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { staleManifests } from '../../tools/manifests.ts'
import { helmTemplate, toolPath } from '../support/kubectl.ts'
import { parseManifests, podTemplate, type Manifest } from './manifest.ts'
import { base, componentNames, withComponents } from './renderings.ts'

const root = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

/** What is switched on in the chart → the folders of k8s/components that are the same; every folder is in one of them. */
const SWITCHES: [string[], string[]][] = [
  [
    ['strimzi', 'keda', 'certManager', 'networkPolicies', 'monitoring', 'ingress'],
    ['strimzi', 'keda', 'keda-strimzi', 'cert-manager', 'network-policies', 'monitoring', 'ingress'],
  ],
  [
    ['autoscaling', 'certManager'],
    ['autoscaling', 'cert-manager'],
  ],
  [['keda'], ['keda']],
]
/** Servers of others: their charts are their operators'. */
const NOT_IN_CHART = ['clickhouse', 'strimzi-kafka']

const flags = (names: readonly string[]) => names.flatMap((name) => ['--set', `components.${name}=true`])
const chart = async (args: readonly string[] = []) => parseManifests(await helmTemplate(args))

/**
 * What the two ways of installing do differently on purpose: Kustomize puts a hash behind the names of ConfigMaps, so
 * that pods follow a change; the chart has a checksum in the pods, and a number behind the names of Jobs.
 */
function comparable(manifests: readonly Manifest[]): Record<string, unknown> {
  const text = JSON.stringify(manifests)
    .replaceAll(/"(tributary(?:-workspace)?)-[a-z0-9]{10}"/g, '"$1"')
    .replaceAll(/"(tributary-(?:topics|migrate|apply))-1"/g, '"$1"')
  const normal = JSON.parse(text) as Manifest[]
  for (const manifest of normal) {
    const annotations = podTemplate(manifest)?.metadata.annotations
    if (annotations) delete annotations['checksum/settings']
  }
  return Object.fromEntries(
    normal
      .map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

test('the files that are derived from others are current (`make manifests` writes them)', async () => {
  expect(await staleManifests()).toEqual([])
})

test('with nothing set, the chart is k8s/base', async () => {
  expect(comparable(await chart())).toEqual(comparable(await base()))
})

test.each(SWITCHES)('with %j on it is k8s/base with the components %j', async (on, folders) => {
  expect(comparable(await chart(flags(on)))).toEqual(comparable(await withComponents(folders)))
})

test('every component is compared, or is a server that the chart leaves to others', async () => {
  const compared = SWITCHES.flatMap(([, folders]) => folders)
  expect([...new Set([...compared, ...NOT_IN_CHART])].sort()).toEqual(await componentNames())
})

test('helm finds nothing to say about it', async () => {
  const { stdout } = await run(toolPath('helm'), ['lint', '--strict', join(root, 'deploy', 'helm')])
  expect(stdout).toContain('0 chart(s) failed')
})

describe('values', () => {
  test('a value that the chart does not know is refused, however deep', async () => {
    const unknown = [
      'colector.replicas=3',
      'services.collector.replica=3',
      'image.tags=1',
      'components.kafka=true',
    ]
    const refused = await chart(unknown.flatMap((value) => ['--set', value])).catch(String)
    for (const name of ['colector', 'replica', 'tags', 'kafka'])
      expect(refused).toContain(`'${name}' not allowed`)
  })

  test('a setting is named as settings are', async () => {
    await expect(chart(['--set', 'settings.kafka_brokers=a:9092'])).rejects.toThrow(/kafka_brokers/)
  })

  test('settings, image, secret, documents, replicas, resources and storage are what values say', async () => {
    const manifests = await chart([
      '--set',
      'settings.KAFKA_BROKERS=mine:9092,settings.GROUP_PREFIX=shop,image.repository=registry.example/tributary,image.tag=1.2.3',
      '--set',
      'secretName=mine,services.profile-store.replicas=5,services.profile-store.storage.size=90Gi,services.profile-store.storage.className=fast',
      '--set-json',
      'workspace={"workspace.yaml":"kind: Workspace\\n"}',
      '--set-json',
      'services.profile-store.resources={"requests":{"cpu":"2","memory":"4Gi"},"limits":{"memory":"4Gi"}}',
    ])
    const found = (kind: string, name: string) =>
      manifests.find((each) => each.kind === kind && each.metadata.name === name)!
    expect(found('ConfigMap', 'tributary').data).toMatchObject({
      KAFKA_BROKERS: 'mine:9092',
      GROUP_PREFIX: 'shop',
      TOPIC_PREFIX: 'cdp',
    })
    expect(found('ConfigMap', 'tributary-workspace').data).toEqual({ 'workspace.yaml': 'kind: Workspace\n' })
    const store = found('StatefulSet', 'profile-store')
    expect(store.spec).toMatchObject({
      replicas: 5,
      volumeClaimTemplates: [
        { spec: { storageClassName: 'fast', resources: { requests: { storage: '90Gi' } } } },
      ],
    })
    const pod = podTemplate(store)!.spec
    expect(pod.containers[0]).toMatchObject({
      image: 'registry.example/tributary:1.2.3',
      resources: { requests: { cpu: '2', memory: '4Gi' }, limits: { memory: '4Gi' } },
    })
    const secrets = manifests
      .flatMap((manifest) => podTemplate(manifest)?.spec.volumes ?? [])
      .flatMap(({ name, secret }) => (name === 'secrets' ? [secret!.secretName] : []))
    expect(new Set(secrets)).toEqual(new Set(['mine']))
  })

  test('a changed setting restarts pods, a changed document does not', async () => {
    const checksum = async (args: string[]) =>
      podTemplate((await chart(args)).find(({ kind }) => kind === 'Deployment')!)!.metadata.annotations![
        'checksum/settings'
      ]
    const before = await checksum([])
    expect(await checksum(['--set', 'settings.LOG_LEVEL=debug'])).not.toBe(before)
    expect(await checksum(['--set-json', 'workspace={"w.yaml":"kind: Workspace\\n"}'])).toBe(before)
  })

  test('two that scale the same pods are refused together', async () => {
    await expect(chart(flags(['keda', 'autoscaling']))).rejects.toThrow(/set one of them to false/)
  })
})
