import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Document } from '@tributary/configuration'
import { fine, unknown, wrong, type Check } from './finding.ts'

/** Shortest workspace key, characters: as many as the hash it keys has bytes. */
const MIN_KEY_LENGTH = 32

export interface NamedFiles {
  readonly workspaceKey?: string
  readonly grpcToken?: string
  readonly secrets?: string
}

export function examineFiles(files: NamedFiles, documents: readonly Document[]): Check[] {
  return [
    ...examineKey('workspace key', files.workspaceKey, 'WORKSPACE_KEY_FILE', MIN_KEY_LENGTH),
    ...examineKey('gRPC token', files.grpcToken, 'GRPC_TOKEN_FILE', 1),
    ...examineSecrets(files.secrets, documents),
  ]
}

function examineKey(area: string, file: string | undefined, setting: string, length: number): Check[] {
  if (file === undefined) return [unknown(area, 'its file is not known here', `set ${setting} to look at it`)]
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    return [
      wrong(
        area,
        `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`,
        `mount it, or set ${setting}`,
      ),
    ]
  }
  if (text.length < length)
    return [
      wrong(
        area,
        `${file} holds ${text.length} characters, at least ${length} are needed`,
        'make one: openssl rand -hex 32',
      ),
    ]
  // What somebody else mounted (a Kubernetes secret, say) has modes of its own; what is one's own can be mended.
  const { mode, uid } = statSync(file)
  if ((mode & constants.S_IROTH) !== 0 && uid === process.getuid?.())
    return [wrong(area, `${file} can be read by everybody on this machine`, `chmod o-rwx ${file}`)]
  return [fine(area, `${file} is there`)]
}

function examineSecrets(folder: string | undefined, documents: readonly Document[]): Check[] {
  const wanted = documents.flatMap(secretFilesOf)
  if (wanted.length === 0) return []
  if (folder === undefined)
    return [
      unknown(
        'secrets',
        `the documents name ${wanted.length} files`,
        'set SECRETS_DIR to the folder they are mounted in',
      ),
    ]
  const missing = wanted.filter(({ file }) => !readable(join(folder, file)))
  return missing.length === 0
    ? [fine('secrets', `all ${wanted.length} files that the documents name are in ${folder}`)]
    : missing.map(({ file, by }) =>
        wrong('secrets', `${by} names ${file}, which is not in ${folder}`, 'mount it, or mend the document'),
      )
}

function secretFilesOf(document: Document): { readonly file: string; readonly by: string }[] {
  const by = `${document.kind} ${document.id}`
  if (document.kind === 'Source')
    return [
      ...(document.http?.keys ?? []).flatMap((key) => (key.kind === 'secret' ? [key.file] : [])),
      ...(document.webhook?.secrets ?? []).map(({ file }) => file),
    ].map((file) => ({ file, by }))
  if (document.kind !== 'Destination' || !document.webhook) return []
  return [document.webhook.signingSecret].flat().map(({ file }) => ({ file, by }))
}

function readable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
