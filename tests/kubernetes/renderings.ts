/** Everything that k8s/ renders to, each once for all tests of a file: the base, the overlays, each component alone. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { kustomize } from '../support/kubectl.ts'
import { parseManifests, type Manifest } from './manifest.ts'

const root = join(import.meta.dirname, '..', '..')

export const OVERLAYS = ['demo', 'small', 'production'] as const

export function overlay(name: (typeof OVERLAYS)[number]): Promise<Manifest[]> {
  return kustomize(`k8s/overlays/${name}`).then(parseManifests)
}

export function base(): Promise<Manifest[]> {
  return kustomize('k8s/base').then(parseManifests)
}

export async function componentNames(): Promise<string[]> {
  return (await readdir(join(root, 'k8s', 'components'))).sort()
}

/** Components that only change what another one brings. */
const NEEDS: Readonly<Record<string, readonly string[]>> = { 'keda-strimzi': ['keda', 'strimzi'] }

/** The base with some components, as an overlay of one's own would have them. */
export async function withComponents(names: readonly string[]): Promise<Manifest[]> {
  const wanted = names.flatMap((name) => [...(NEEDS[name] ?? []), name])
  const folder = join(root, '.data', 'kubernetes', `${wanted.join('-') || 'base'}-${process.pid}`)
  await mkdir(folder, { recursive: true })
  const up = relative(folder, join(root, 'k8s'))
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [`${up}/base`],
    components: [...new Set(wanted)].map((name) => `${up}/components/${name}`),
  }
  // JSON is YAML.
  await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization))
  try {
    return parseManifests(await kustomize(relative(root, folder)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
