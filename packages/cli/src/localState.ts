import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandError } from './context.ts'

/** What `make up` writes to .data/local.json: where everything of the local stack is. */
export interface LocalState {
  readonly file: string
  readonly kafka?: { readonly brokers?: string | readonly string[] }
  readonly clickhouse?: { readonly url?: string; readonly database?: string }
  readonly collector?: { readonly http?: string }
  readonly identityStitcher?: { readonly grpc?: string }
  readonly profileStore?: { readonly grpc?: string }
  readonly activation?: { readonly grpc?: string }
  readonly files?: { readonly workspaceKey?: string; readonly grpcToken?: string; readonly secrets?: string }
  /** Further settings of the installation, by their environment names. */
  readonly env?: Readonly<Record<string, string>>
}

/** The nearest .data/local.json, from the folder upwards. */
export function findLocalState(folder: string): LocalState | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const file = join(at, '.data', 'local.json')
    if (existsSync(file)) return readLocalState(file)
    if (dirname(at) === at) return undefined
  }
}

function readLocalState(file: string): LocalState {
  try {
    return { ...(JSON.parse(readFileSync(file, 'utf8')) as Omit<LocalState, 'file'>), file }
  } catch (error) {
    throw new CommandError(
      `${file} cannot be read (${(error as Error).message}); run \`make down\` and \`make up\` again, or remove it`,
    )
  }
}
