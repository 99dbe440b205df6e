/** Kubernetes objects as the tests of the manifests read them: rendered text to values, and where a pod is in them. */
import { parseAllDocuments } from 'yaml'

export interface Probe {
  httpGet?: { path: string; port: string | number }
  tcpSocket?: { port: string | number }
}

export interface Container {
  name: string
  image: string
  command?: string[]
  env?: { name: string; value?: string; valueFrom?: Record<string, unknown> }[]
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[]
  ports?: { name: string; containerPort: number }[]
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> }
  securityContext?: Record<string, unknown>
  livenessProbe?: Probe
  readinessProbe?: Probe
  startupProbe?: Probe
  lifecycle?: { preStop?: { sleep?: { seconds: number } } }
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[]
}

export interface Volume {
  name: string
  configMap?: { name: string }
  secret?: { secretName: string }
  projected?: { sources: { secret?: { name: string }; configMap?: { name: string } }[] }
  emptyDir?: object
  hostPath?: object
}

export interface PodSpec {
  containers: Container[]
  initContainers?: Container[]
  serviceAccountName?: string
  automountServiceAccountToken?: boolean
  terminationGracePeriodSeconds?: number
  securityContext?: Record<string, unknown>
  topologySpreadConstraints?: { topologyKey: string; labelSelector: { matchLabels: Labels } }[]
  priorityClassName?: string
  volumes?: Volume[]
}

export type Labels = Record<string, string>

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Labels; annotations?: Labels }
  spec?: Record<string, unknown>
  data?: Record<string, string>
}

/** Kubernetes reads YAML 1.1, where 0440 is octal. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { version: '1.1' })
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
}

export interface PodTemplate {
  metadata: { labels: Labels; annotations?: Labels }
  spec: PodSpec
}

/** Undefined for what makes no pods. */
export function podTemplate({ kind, spec }: Manifest): PodTemplate | undefined {
  if (kind === 'CronJob')
    return (spec as { jobTemplate: { spec: { template: PodTemplate } } }).jobTemplate.spec.template
  if (['Deployment', 'StatefulSet', 'Job'].includes(kind)) return (spec as { template: PodTemplate }).template
  return undefined
}

export function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}
