/**
 * The cluster that is checked, by one of two ways:
 *  - LAB names a script with `up`, `load IMAGE`, `kubectl ARGS…`: a cluster of this machine;
 *  - else KUBECONFIG: kind and minikube take images from Docker; another cluster has to have them already.
 */
import { toolPath } from '../support/kubectl.ts'
import { command } from './command.ts'

export interface Cluster {
  /** For the report. */
  readonly name: string
  up(): Promise<void>
  load(image: string): Promise<void>
  kubectl(args: readonly string[], input?: string): Promise<string>
}

export async function findCluster(environment: NodeJS.ProcessEnv): Promise<Cluster> {
  const script = environment['LAB']
  if (script !== undefined && script !== '') return ofScript(script)
  if (environment['KUBECONFIG'] === undefined)
    throw new Error(
      'No cluster is named: set KUBECONFIG to one that may be used for this (a namespace tributary-check is made and deleted), or LAB to a script with up, load and kubectl.',
    )
  const kubectl = (args: readonly string[], input?: string) =>
    command(toolPath('kubectl'), args, input === undefined ? {} : { input })
  const context = (await kubectl(['config', 'current-context'])).trim()
  return { name: context, up: async () => undefined, kubectl, load: (image) => loadInto(context, image) }
}

function ofScript(script: string): Cluster {
  const kubectl = (args: readonly string[], input?: string) =>
    command(script, ['kubectl', ...args], input === undefined ? {} : { input })
  return {
    name: 'a cluster of this machine',
    up: async () => void (await command(script, ['up'])),
    load: async (image) => void (await command(script, ['load', image])),
    kubectl,
  }
}

async function loadInto(context: string, image: string): Promise<void> {
  if (context.startsWith('kind-'))
    await command('kind', ['load', 'docker-image', image, '--name', context.slice('kind-'.length)])
  else if (context === 'minikube') await command('minikube', ['image', 'load', image])
}
