/** The overlay of a check, as a user would write one over k8s/overlays/demo: documents, secrets, and who plays. */
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { readDocumentNeeds } from '../../deploy/local/src/exampleDocuments.ts'
import { signingSecret, writeKey } from '../../deploy/local/src/secretFiles.ts'

export const NAMESPACE = 'tributary-check'
export const RECEIVER_PORT = 8400
/** Files in the player: it plays when the first is there, and finishes when the second is. */
export const GO = '/tmp/go'
export const FINISH = '/tmp/finish'

export interface OverlayOptions {
  /** Emptied first. */
  folder: string
  /** Workspace documents. */
  documents: string
  /** Variable of the documents that is the receiver's URL. */
  receiverVariable: string
  /** Prefix of topics and groups, and the database: each part of the check is an installation of its own. */
  prefix: string
  player: string
  /** load or week. */
  mode: string
  /** Arguments of the player. */
  args: readonly string[]
  image: string
}

export interface CheckOverlay {
  folder: string
  /** Replaces the workspace by documents and texts that come on top. */
  setDocuments(more: Readonly<Record<string, string>>): Promise<void>
  setImage(image: string): Promise<void>
}

export async function writeOverlay(options: OverlayOptions): Promise<CheckOverlay> {
  const { folder, documents, prefix } = options
  await rm(folder, { recursive: true, force: true })
  await mkdir(join(folder, 'workspace'), { recursive: true })
  await cp(documents, join(folder, 'workspace'), { recursive: true })
  const needs = await readDocumentNeeds(documents)
  const secrets = new Map(
    needs.secrets.map(({ name, use }) => [name, use === 'write key' ? writeKey() : signingSecret()]),
  )
  let image = options.image
  const write = async (): Promise<void> => {
    const files = (await readdir(join(folder, 'workspace'))).filter((name) => /\.ya?ml$/.test(name)).sort()
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace: NAMESPACE,
      resources: [
        relative(folder, join(import.meta.dirname, '..', '..', 'k8s', 'overlays', 'demo')),
        'player.yaml',
      ],
      images: [{ name: 'tributary', newName: image.split(':')[0], newTag: image.split(':')[1] }],
      configMapGenerator: [
        {
          name: 'tributary',
          behavior: 'merge',
          literals: [`TOPIC_PREFIX=${prefix}`, `GROUP_PREFIX=${prefix}`, `CLICKHOUSE_DATABASE=${prefix}`],
        },
        { name: 'tributary-workspace', behavior: 'replace', files: files.map((name) => `workspace/${name}`) },
      ],
      secretGenerator: [
        {
          name: 'tributary',
          behavior: 'merge',
          literals: [...secrets].map(([name, value]) => `${name}=${value}`),
        },
      ],
      patches: [
        {
          target: { kind: 'Namespace' },
          patch: JSON.stringify([{ op: 'replace', path: '/metadata/name', value: NAMESPACE }]),
        },
        {
          target: { kind: 'Job', name: 'tributary-apply' },
          patch: JSON.stringify([
            {
              op: 'add',
              path: '/spec/template/spec/containers/0/command/-',
              value: `--set=${options.receiverVariable}=http://player:${RECEIVER_PORT}/hooks`,
            },
          ]),
        },
      ],
    }
    // JSON is YAML.
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization, null, 2))
  }
  await writeFile(join(folder, 'player.yaml'), playerManifests(options, await keysOf(needs.keys, secrets)))
  await write()
  return {
    folder,
    async setDocuments(more) {
      for (const [name, text] of Object.entries(more)) await writeFile(join(folder, 'workspace', name), text)
      await write()
    },
    async setImage(to) {
      image = to
      await write()
    },
  }
}

async function keysOf(
  keys: ReadonlyMap<string, { value: string } | { file: string }>,
  secrets: ReadonlyMap<string, string>,
): Promise<Record<string, string>> {
  return Object.fromEntries(
    [...keys].map(([source, key]) => [source, 'value' in key ? key.value : secrets.get(key.file)!]),
  )
}

function playerManifests(options: OverlayOptions, writeKeys: Record<string, string>): string {
  const labels = { 'app.kubernetes.io/name': 'player' }
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'player', labels },
    spec: { selector: labels, ports: [{ name: 'receiver', port: RECEIVER_PORT, targetPort: RECEIVER_PORT }] },
  }
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'player', labels },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1000,
        runAsGroup: 1000,
        fsGroup: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'player',
          image: options.player,
          imagePullPolicy: 'IfNotPresent',
          command: ['node', 'tests/cluster/player/main.ts', options.mode, ...options.args],
          envFrom: [{ configMapRef: { name: 'tributary' } }],
          env: [{ name: 'WRITE_KEYS', value: JSON.stringify(writeKeys) }],
          ports: [{ name: 'receiver', containerPort: RECEIVER_PORT }],
          resources: { requests: { cpu: '50m', memory: '256Mi' }, limits: { memory: '1Gi' } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [
            { name: 'tmp', mountPath: '/tmp' },
            { name: 'secrets', mountPath: '/etc/tributary/secrets', readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: 'tmp', emptyDir: {} },
        { name: 'secrets', secret: { secretName: 'tributary', defaultMode: 0o440 } },
      ],
    },
  }
  return `${JSON.stringify(service)}\n---\n${JSON.stringify(pod)}\n`
}
