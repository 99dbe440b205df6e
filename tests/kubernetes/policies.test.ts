/** What every platform team checks before it lets something in, over everything that k8s/ renders to. */
import { beforeAll, describe, expect, test } from '@jest/globals'
import { partitionsOf, topics } from '@tributary/contracts'
import { podTemplate, selects, type Container, type Labels, type Manifest } from './manifest.ts'
import { base, overlay, OVERLAYS } from './renderings.ts'

const OURS = ['collector', 'identity-stitcher', 'profile-store', 'activation']
/** Ports that each service opens: services/<name>/src/main.ts and the admin server of packages/service-kit. */
const SERVED: Record<string, Record<string, number>> = {
  collector: { http: 8080, admin: 9464 },
  'identity-stitcher': { grpc: 9090, admin: 9464 },
  'profile-store': { grpc: 9090, http: 8080, admin: 9464 },
  activation: { grpc: 9090, admin: 9464 },
}
/** Paths of packages/service-kit/src/adminServer.ts. */
const PROBES = { livenessProbe: '/livez', readinessProbe: '/readyz', startupProbe: '/livez' } as const

describe.each(['base', ...OVERLAYS] as const)('%s', (name) => {
  let manifests: Manifest[]
  const ofKind = (...kinds: string[]): Manifest[] => manifests.filter(({ kind }) => kinds.includes(kind))
  const pods = () =>
    manifests.flatMap((manifest) => {
      const template = podTemplate(manifest)
      return template ? [{ manifest, name: manifest.metadata.name, ...template }] : []
    })
  const services = () => pods().filter((pod) => OURS.includes(pod.name))
  const containers = (): { name: string; container: Container }[] =>
    pods().flatMap((pod) =>
      [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map((container) => ({
        name: `${pod.name}/${container.name}`,
        container,
      })),
    )

  beforeAll(async () => {
    manifests = await (name === 'base' ? base() : overlay(name))
  })

  test('each service has a workload, a Service, an account and a disruption budget', () => {
    for (const kinds of [
      ['Deployment', 'StatefulSet'],
      ['Service'],
      ['ServiceAccount'],
      ['PodDisruptionBudget'],
    ])
      expect(ofKind(...kinds).map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining(OURS))
    for (const { name: service, spec } of services()) expect(spec.serviceAccountName).toBe(service)
  })

  test('what keeps local state is a StatefulSet with a volume claim', () => {
    const claims = ofKind('StatefulSet').filter(({ spec }) => spec!['volumeClaimTemplates'] !== undefined)
    expect(claims.map(({ metadata }) => metadata.name)).toEqual(
      expect.arrayContaining(['identity-stitcher', 'profile-store', 'activation']),
    )
  })

  test('topics, migrations and the workspace are Jobs, audit, retention and erasures run each night', () => {
    const commands = (kind: string) =>
      pods()
        .filter(({ manifest }) => manifest.kind === kind)
        .map(({ spec }) => spec.containers[0]!.command!.slice(0, 2).join(' '))
    expect(commands('Job').sort()).toEqual(['tributary apply', 'tributary migrate', 'tributary topics'])
    expect(commands('CronJob').sort()).toEqual([
      'tributary audit',
      'tributary erasures',
      'tributary retention',
    ])
  })

  test('selectors match the pods they mean', () => {
    for (const { name: service, metadata, manifest } of services()) {
      const { matchLabels } = manifest.spec!['selector'] as { matchLabels: Labels }
      expect(selects(matchLabels, metadata.labels)).toBe(true)
      const own = ofKind('Service').find((each) => each.metadata.name === service)!
      expect(selects(own.spec!['selector'] as Labels, metadata.labels)).toBe(true)
    }
  })

  test('every ConfigMap and Secret that is named exists, or is yours or an operator’s to make', () => {
    const named = pods().flatMap(({ spec }) => [
      ...spec.containers.flatMap(({ envFrom = [] }) =>
        envFrom.map(({ configMapRef }) => `ConfigMap ${configMapRef!.name}`),
      ),
      ...(spec.volumes ?? []).flatMap(({ configMap, secret, projected }) => [
        ...(configMap ? [`ConfigMap ${configMap.name}`] : []),
        ...(secret ? [`Secret ${secret.secretName}`] : []),
        ...(projected?.sources ?? []).map((source) => `Secret ${source.secret!.name}`),
      ]),
    ])
    const made = [
      ...ofKind('ConfigMap', 'Secret').map(({ kind, metadata }) => `${kind} ${metadata.name}`),
      ...ofKind('KafkaUser').map(({ metadata }) => `Secret ${metadata.name}`),
      ...ofKind('Kafka', 'KafkaTopic').map(() => 'Secret kafka-cluster-ca-cert'),
      ...ofKind('Certificate').map(({ spec }) => `Secret ${String(spec!['secretName'])}`),
      // The Secret of docs/operating/README.md; the demo brings one.
      'Secret tributary',
    ]
    expect([...new Set(named)].filter((one) => !made.includes(one))).toEqual([])
  })

  test('every pod meets the restricted standard, and ours cannot write to their image', () => {
    for (const { name: pod, spec } of pods()) {
      expect([pod, spec.automountServiceAccountToken]).toEqual([pod, false])
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: expect.any(Number),
        seccompProfile: { type: 'RuntimeDefault' },
      })
      expect((spec.volumes ?? []).filter((volume) => volume.hostPath)).toEqual([])
    }
    for (const { name: container, container: it } of containers()) {
      expect([container, it.securityContext]).toEqual([
        container,
        expect.objectContaining({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }),
      ])
    }
    const writable = containers().filter(
      ({ container }) =>
        container.image.startsWith('tributary:') &&
        container.securityContext!['readOnlyRootFilesystem'] !== true,
    )
    expect(writable).toEqual([])
  })

  test('a namespace that is brought enforces the restricted standard', () => {
    for (const { metadata } of ofKind('Namespace'))
      expect(metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' })
  })

  test('every container says what it needs and is bounded in memory, and its image has a fixed tag', () => {
    for (const { name: container, container: it } of containers()) {
      expect([container, it.resources]).toEqual([
        container,
        {
          requests: { cpu: expect.any(String), memory: expect.any(String) },
          limits: expect.objectContaining({ memory: expect.any(String) }),
        },
      ])
      expect([container, it.image]).toEqual([container, expect.stringMatching(/^[a-z0-9./-]+:[0-9][\w.-]*$/)])
    }
  })

  test('probes ask what the services serve, and a stop has time to be graceful', () => {
    expect(services()).toHaveLength(OURS.length)
    for (const { name: service, spec } of services()) {
      const container = spec.containers[0]!
      for (const [probe, path] of Object.entries(PROBES))
        expect([service, container[probe as keyof typeof PROBES]?.httpGet]).toEqual([
          service,
          { path, port: 'admin' },
        ])
      const settings = ofKind('ConfigMap').find(({ metadata }) =>
        container.envFrom!.some(({ configMapRef }) => configMapRef?.name === metadata.name),
      )!.data!
      const pauseS = container.lifecycle!.preStop!.sleep!.seconds
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(
        pauseS + Number(settings['SHUTDOWN_GRACE_MS']) / 1000,
      )
    }
  })

  test('ports that are named are those that the services open', () => {
    for (const { name: service, spec } of services()) {
      const [container] = spec.containers
      const opened = Object.fromEntries(container!.ports!.map((port) => [port.name, port.containerPort]))
      expect([service, opened]).toEqual([service, SERVED[service]])
      const own = ofKind('Service').find(({ metadata }) => metadata.name === service)!
      const offered = (own.spec!['ports'] as { targetPort: string; port: number }[]).map(
        ({ targetPort, port }) => [targetPort, port],
      )
      for (const [target, port] of offered)
        expect([service, target, opened[target!]]).toEqual([service, target, port])
    }
  })

  test('network policies name ports that the pods they select open', () => {
    for (const { metadata, spec } of ofKind('NetworkPolicy')) {
      const { podSelector, ingress = [] } = spec as {
        podSelector: { matchLabels: Labels }
        ingress?: { ports?: { port: string | number }[] }[]
      }
      const selected = pods().filter((pod) => selects(podSelector.matchLabels, pod.metadata.labels))
      expect([metadata.name, selected.length > 0]).toEqual([metadata.name, true])
      for (const { port } of ingress.flatMap(({ ports = [] }) => ports))
        expect([
          metadata.name,
          port,
          selected.some((pod) =>
            pod.spec.containers.some((each) => each.ports?.some((open) => open.name === port)),
          ),
        ]).toEqual([metadata.name, port, true])
    }
  })

  test('a drain is always possible: a budget lets at least one pod go, and selects the service’s pods', () => {
    for (const service of services()) {
      const budget = ofKind('PodDisruptionBudget').find(({ metadata }) => metadata.name === service.name)!
      expect(budget.spec!['maxUnavailable']).toBe(1)
      expect(
        selects((budget.spec!['selector'] as { matchLabels: Labels }).matchLabels, service.metadata.labels),
      ).toBe(true)
    }
  })

  test('pods spread over zones and nodes', () => {
    for (const { spec, metadata } of services()) {
      expect(spec.topologySpreadConstraints!.map(({ topologyKey }) => topologyKey)).toEqual([
        'topology.kubernetes.io/zone',
        'kubernetes.io/hostname',
      ])
      for (const { labelSelector } of spec.topologySpreadConstraints!)
        expect(selects(labelSelector.matchLabels, metadata.labels)).toBe(true)
    }
  })

  test('secrets are files: none in the environment or in a ConfigMap', () => {
    const variables = containers().flatMap(({ container }) => container.env ?? [])
    expect(variables.filter(({ valueFrom }) => valueFrom?.['secretKeyRef'])).toEqual([])
    expect(
      containers().flatMap(({ container }) => (container.envFrom ?? []).filter(({ secretRef }) => secretRef)),
    ).toEqual([])
    const settings = [
      ...variables.map(({ name: key, value }) => [key, value ?? ''] as const),
      ...ofKind('ConfigMap').flatMap(({ data }) => Object.entries(data ?? {})),
    ]
    // What is named like a secret is the place of a file.
    expect(
      settings.filter(([key, value]) => /TOKEN|PASSWORD|SECRET|_KEY/.test(key) && !value.startsWith('/etc/')),
    ).toEqual([])
  })

  test('no more pods are asked for than there are partitions to own', () => {
    const counts = { identifier: 12, profile: 12, delivery: 12 }
    for (const { metadata, spec } of ofKind('ScaledObject', 'HorizontalPodAutoscaler')) {
      if (metadata.name === 'collector') continue
      const most = (spec!['maxReplicaCount'] ?? spec!['maxReplicas']) as number
      expect(most).toBeLessThanOrEqual(partitionsOf(topics.events, counts))
      expect((spec!['minReplicaCount'] ?? spec!['minReplicas']) as number).toBeGreaterThanOrEqual(1)
    }
  })

  test('whoever scales owns the number of pods', () => {
    const scaled = ofKind('ScaledObject', 'HorizontalPodAutoscaler').map(({ metadata }) => metadata.name)
    for (const { name: service, manifest } of services())
      expect([service, manifest.spec!['replicas'] === undefined]).toEqual([service, scaled.includes(service)])
  })
})

// The base and the demo leave policies to others.
test.each(['small', 'production'] as const)(
  'in %s nothing is open but what is named, and private addresses are shut to deliveries',
  async (name) => {
    const manifests = await overlay(name)
    const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy')
    const deny = policies.find(({ metadata }) => metadata.name === 'tributary-default-deny')!.spec!
    expect(deny).toMatchObject({ policyTypes: ['Ingress', 'Egress'], ingress: [], egress: [] })
    const { matchLabels } = deny['podSelector'] as { matchLabels: Labels }
    const ours = manifests.flatMap((manifest) => podTemplate(manifest) ?? [])
    expect(ours.filter(({ metadata }) => !selects(matchLabels, metadata.labels))).toEqual([])
    const blocks = policies
      .flatMap(
        ({ spec }) =>
          (spec!['egress'] ?? []) as { to?: { ipBlock?: { cidr: string; except?: string[] } }[] }[],
      )
      .flatMap(({ to = [] }) => to.flatMap(({ ipBlock }) => ipBlock ?? []))
    expect(blocks.map(({ cidr }) => cidr).sort()).toEqual(['0.0.0.0/0', '::/0'])
    expect(blocks.find(({ cidr }) => cidr === '0.0.0.0/0')!.except).toEqual(
      expect.arrayContaining([
        '10.0.0.0/8',
        '100.64.0.0/10',
        '127.0.0.0/8',
        '169.254.0.0/16',
        '172.16.0.0/12',
        '192.168.0.0/16',
      ]),
    )
  },
)
