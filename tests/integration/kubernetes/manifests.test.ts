import { beforeAll, describe, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { kustomize } from '../../support/kubectl.ts'

interface Container {
  name: string
  image: string
  command: string[]
  envFrom?: { configMapRef: { name: string } }[]
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> }
  securityContext?: Record<string, unknown>
  livenessProbe?: unknown
  readinessProbe?: unknown
  startupProbe?: unknown
}

interface Manifest {
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  spec?: {
    selector?: { matchLabels?: Record<string, string> } & Record<string, unknown>
    template?: {
      metadata: { labels: Record<string, string> }
      spec: {
        containers: Container[]
        automountServiceAccountToken?: boolean
        terminationGracePeriodSeconds?: number
        securityContext?: Record<string, unknown>
        volumes?: { name: string; configMap?: { name: string }; secret?: { secretName: string } }[]
      }
    }
    volumeClaimTemplates?: unknown[]
  }
}

const SERVICES = ['collector', 'identity-stitcher', 'profile-store', 'activation']
/** Made by the platform team: see docs/operating. */
const GIVEN_SECRETS = ['tributary']

describe.each(['k8s/base', 'k8s/overlays/demo'])('%s', (folder) => {
  let manifests: Manifest[]
  const ofKind = (...kinds: string[]): Manifest[] => manifests.filter((m) => kinds.includes(m.kind))
  const workloads = (): Manifest[] => ofKind('Deployment', 'StatefulSet', 'Job')

  beforeAll(async () => {
    manifests = parseAllDocuments(await kustomize(folder)).map((d) => d.toJS() as Manifest)
  })

  test('each service has a workload, a Service, an account and a disruption budget', () => {
    for (const kind of [
      ['Deployment', 'StatefulSet'],
      ['Service'],
      ['ServiceAccount'],
      ['PodDisruptionBudget'],
    ]) {
      expect(
        ofKind(...kind)
          .map((m) => m.metadata.name)
          .sort(),
      ).toEqual([...SERVICES].sort())
    }
  })

  test('topics, migrations and the workspace are Jobs', () => {
    const commands = ofKind('Job').map((m) =>
      m.spec!.template!.spec.containers[0]!.command.slice(0, 2).join(' '),
    )
    expect(commands.sort()).toEqual(['tributary apply', 'tributary migrate', 'tributary topics'])
  })

  test('every pod is restricted: not root, read-only, no capabilities, no token', () => {
    expect(workloads()).toHaveLength(SERVICES.length + 3)
    for (const { spec } of workloads()) {
      const pod = spec!.template!.spec
      expect(pod.automountServiceAccountToken).toBe(false)
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
      }
    }
  })

  test('every container asks for memory and CPU, and no image is latest', () => {
    for (const { spec } of workloads()) {
      for (const container of spec!.template!.spec.containers) {
        expect(container.resources?.requests).toEqual({ cpu: expect.any(String), memory: expect.any(String) })
        expect(container.resources?.limits).toHaveProperty('memory')
        expect(container.image).toMatch(/:[0-9]+\.[0-9]+\.[0-9]+$/)
      }
    }
  })

  test('every service has the three probes and time to stop', () => {
    for (const { spec } of ofKind('Deployment', 'StatefulSet')) {
      const pod = spec!.template!.spec
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(60)
      expect(pod.containers[0]).toEqual(
        expect.objectContaining({
          livenessProbe: expect.anything(),
          readinessProbe: expect.anything(),
          startupProbe: expect.anything(),
        }),
      )
    }
  })

  test('what keeps local state is a StatefulSet with a volume claim', () => {
    const claims = ofKind('StatefulSet').map((m) => [m.metadata.name, m.spec!.volumeClaimTemplates?.length])
    expect(claims).toEqual(
      expect.arrayContaining([
        ['identity-stitcher', 1],
        ['profile-store', 1],
        ['activation', 1],
      ]),
    )
  })

  test('selectors match the pods they mean', () => {
    for (const { metadata, spec } of ofKind('Deployment', 'StatefulSet')) {
      const labels = spec!.template!.metadata.labels
      expect(labels).toMatchObject(spec!.selector!.matchLabels!)
      const service = ofKind('Service').find((s) => s.metadata.name === metadata.name)!
      expect(labels).toMatchObject(service.spec!.selector as Record<string, string>)
    }
  })

  test('every ConfigMap and Secret that is named exists or is a given one', () => {
    const pods = workloads().map((m) => m.spec!.template!.spec)
    const volumes = pods.flatMap((pod) => pod.volumes ?? [])
    const named = [
      ...pods
        .flatMap((pod) => pod.containers)
        .flatMap((c) => (c.envFrom ?? []).map((e) => e.configMapRef.name)),
      ...volumes.flatMap((volume) => volume.configMap?.name ?? []),
    ]
    expect([...new Set(named)].sort()).toEqual(
      ofKind('ConfigMap')
        .map((m) => m.metadata.name)
        .sort(),
    )
    expect(new Set(volumes.flatMap((volume) => volume.secret?.secretName ?? []))).toEqual(
      new Set(GIVEN_SECRETS),
    )
  })
})
