/** The secrets of a local installation: made once, kept under its data folder, readable by their owner only. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface SecretFiles {
  workspaceKey: string
  grpcToken: string
  /** Where files that documents name (`{file: web-key}`) are. */
  documents: string
}

export async function createSecretFiles(folder: string): Promise<SecretFiles> {
  const documents = join(folder, 'documents')
  await mkdir(documents, { recursive: true, mode: 0o700 })
  return {
    workspaceKey: await secretFile(join(folder, 'workspace-key'), () => randomBytes(32).toString('base64')),
    grpcToken: await secretFile(join(folder, 'grpc-token'), () => randomBytes(24).toString('base64url')),
    documents,
  }
}

/** Makes the file if it is not there; gives its path. */
export async function secretFile(path: string, make: () => string): Promise<string> {
  if (!existsSync(path)) await writeFile(path, `${make()}\n`, { mode: 0o600 })
  return path
}

/** What a webhook's signature is made with, in the form of Standard Webhooks. */
export function signingSecret(): string {
  return `whsec_${randomBytes(24).toString('base64')}`
}

export function writeKey(): string {
  return `wk_${randomBytes(16).toString('hex')}`
}

export async function readSecret(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).trimEnd()
}
