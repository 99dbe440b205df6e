/** `.data/local.json`: where the installation of `make up` is; `bin/tributary` reads it when nothing else is given. */
import { existsSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Installation } from './launcher.ts'
import type { LocalStack } from './localStack.ts'

export const DATA = fileURLToPath(new URL('../../../.data/', import.meta.url))
const FILE = join(DATA, 'local.json')

export interface LocalFile {
  /** Of the process that runs it, for `make down`. */
  pid: number
  kafka: { brokers: string }
  clickhouse: { url: string; database: string }
  collector?: { http: string }
  identityStitcher?: { grpc: string }
  profileStore?: { grpc: string }
  activation?: { grpc: string }
  writeKeys: Record<string, string>
  files: { workspaceKey: string; grpcToken: string; secrets: string }
  /** Settings of the installation by their environment names: partition counts, replication, prefixes. */
  env: Record<string, string>
}

export async function writeLocalFile(stack: LocalStack, installation: Installation): Promise<LocalFile> {
  const { settings, secrets, writeKeys } = installation
  const content: LocalFile = {
    pid: process.pid,
    kafka: stack.kafka,
    clickhouse: { url: stack.clickhouse.url, database: settings['CLICKHOUSE_DATABASE'] as string },
    ...installation.addresses(),
    writeKeys,
    files: { workspaceKey: secrets.workspaceKey, grpcToken: secrets.grpcToken, secrets: secrets.documents },
    env: settings,
  }
  // Readers never see half of it.
  await writeFile(`${FILE}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  await rename(`${FILE}.new`, FILE)
  return content
}

export async function readLocalFile(): Promise<LocalFile | undefined> {
  return existsSync(FILE) ? (JSON.parse(await readFile(FILE, 'utf8')) as LocalFile) : undefined
}

export async function removeLocalFile(): Promise<void> {
  await rm(FILE, { force: true })
}
