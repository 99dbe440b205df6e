import { beforeAll, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { podTemplate, type Manifest } from './manifest.ts'
import { base, componentNames, overlay, OVERLAYS, withComponents } from './renderings.ts'
import { customSchemas } from './schemas.ts'

const root = join(import.meta.dirname, '..', '..')

/** API groups of the packages that carry typed models; Kubernetes' own are in kubernetes-models. */
const MODELS: Readonly<Record<string, string>> = {
  'keda.sh': '@kubernetes-models/keda',
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
}

let rendered: { where: string; manifests: Manifest[] }[]

beforeAll(async () => {
  await mkdir(join(root, '.data'), { recursive: true })
  rendered = await Promise.all([
    base().then((manifests) => ({ where: 'base', manifests })),
    ...OVERLAYS.map(async (name) => ({ where: name, manifests: await overlay(name) })),
    ...(await componentNames()).map(async (name) => ({
      where: name,
      manifests: await withComponents([name]),
    })),
  ])
})

/** Module of the model of an object; undefined for those of `customSchemas`. */
function modelOf({ apiVersion }: Manifest): string | undefined {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
  const models = MODELS[group!]
  if (models !== undefined) return `${models}/${apiVersion}`
  if (group === '') return `kubernetes-models/${version}`
  return /^(apps|batch|policy|autoscaling|[a-z.]+\.k8s\.io)$/.test(group!)
    ? `kubernetes-models/${apiVersion}`
    : undefined
}

const nameOf = (where: string, { kind, metadata }: Manifest): string => `${where}: ${kind} ${metadata.name}`

test('every object is one that Kubernetes, or the operator it is for, knows', async () => {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true })
  const problems: string[] = []
  for (const { where, manifests } of rendered)
    for (const manifest of manifests) {
      const model = modelOf(manifest)
      const schema = customSchemas.get(`${manifest.apiVersion}/${manifest.kind}`)
      if (model !== undefined) {
        const module = (await import(model)) as Record<string, new (data: Manifest) => { validate(): void }>
        try {
          new module[manifest.kind]!(manifest).validate()
        } catch (error) {
          problems.push(`${nameOf(where, manifest)}: ${String(error)}`)
        }
      } else if (schema === undefined) {
        problems.push(`${nameOf(where, manifest)}: there is no schema for it in schemas.ts`)
      } else if (!ajv.validate(schema, manifest)) {
        problems.push(`${nameOf(where, manifest)}: ${ajv.errorsText()}`)
      }
    }
  expect(problems).toEqual([])
})

test('no object has a field that its kind does not have', async () => {
  const modelled = rendered.flatMap(({ where, manifests }) =>
    manifests.flatMap((manifest) => typed(where, manifest)),
  )
  expect(modelled.length).toBeGreaterThan(300)
  expect(await unknownFields(modelled)).toBe('')
})

test('a field with a typing mistake is found, however deep it lies', async () => {
  const collector = rendered[0]!.manifests.find(({ kind }) => kind === 'Deployment')!
  const wrong = structuredClone(collector)
  Object.assign(podTemplate(wrong)!.spec.containers[0]!.readinessProbe!, { periodSecond: 3 })
  expect(await unknownFields(typed('wrong', wrong))).toMatch(
    /^wrong: Deployment collector .*periodSecond.* does not exist/,
  )
})

interface Typed {
  where: string
  manifest: Manifest
  model: string
}

function typed(where: string, manifest: Manifest): Typed[] {
  const model = modelOf(manifest)
  return model === undefined ? [] : [{ where, manifest, model }]
}

/**
 * What the compiler says of the objects as literals of their types. Validators let unknown fields pass; the compiler
 * refuses them at every depth.
 */
async function unknownFields(modelled: readonly Typed[]): Promise<string> {
  const lines = modelled.map(
    ({ where, manifest, model }, index) =>
      `// ${nameOf(where, manifest)}\nexport const o${index}: import('${model}').I${manifest.kind} = ${JSON.stringify(manifest)}`,
  )
  const folder = await mkdtemp(join(root, '.data', 'types-'))
  try {
    await writeFile(join(folder, 'objects.ts'), lines.join('\n'))
    const compilerOptions = {
      noEmit: true,
      strict: true,
      skipLibCheck: true,
      module: 'nodenext',
      target: 'es2023',
      types: [],
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['objects.ts'] }))
    const tsc = createRequire(import.meta.url).resolve('typescript/package.json')
    const said = await new Promise<string>((resolve) => {
      execFile(
        process.execPath,
        [join(tsc, '..', 'bin', 'tsc'), '-p', folder],
        { maxBuffer: 16 * 1024 * 1024, env: { ...process.env, NODE_OPTIONS: '' } },
        (_error, stdout, stderr) => resolve(`${stdout}${stderr}`),
      )
    })
    return said.replaceAll(/^\S*objects\.ts\((\d+)/gm, (_all, line: string) => {
      const { where, manifest } = modelled[Math.floor((Number(line) - 1) / 2)]!
      return `${nameOf(where, manifest)} (${line}`
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
