/** What a folder of workspace documents needs from its surroundings: secret files, source topics, and its write keys. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { readSecret, secretFile, signingSecret, writeKey } from './secretFiles.ts'

export interface DocumentNeeds {
  /** File names under SECRETS_DIR, with what they are for. */
  secrets: { name: string; use: 'write key' | 'signing secret' }[]
  /** Topics that sources are read from; they belong to the source's own team, so nobody else makes them. */
  topics: string[]
  /** Per source, its first key: a value, or the file it is in. */
  keys: Map<string, { value: string } | { file: string }>
}

interface Document {
  kind?: string
  id?: string
  http?: { keys?: { kind: string; value?: string; file?: string }[] }
  kafka?: { topic?: string }
}

export async function readDocumentNeeds(folder: string): Promise<DocumentNeeds> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => /\.ya?ml$/.test(name))
  const texts = await Promise.all(names.toSorted().map((name) => readFile(join(folder, name), 'utf8')))
  return documentNeeds(texts)
}

export function documentNeeds(texts: string[]): DocumentNeeds {
  const needs: DocumentNeeds = { secrets: [], topics: [], keys: new Map() }
  for (const text of texts) {
    for (const parsed of parseAllDocuments(text)) {
      const document = parsed.toJS() as Document | null
      if (document === null || typeof document !== 'object') continue
      const use = document.kind === 'Source' ? 'write key' : 'signing secret'
      for (const name of fileReferences(document)) needs.secrets.push({ name, use })
      if (document.kafka?.topic !== undefined) needs.topics.push(document.kafka.topic)
      const key = document.http?.keys?.[0]
      if (document.id === undefined || key === undefined) continue
      if (key.value !== undefined) needs.keys.set(document.id, { value: key.value })
      else if (key.file !== undefined) needs.keys.set(document.id, { file: key.file })
    }
  }
  return needs
}

/** Every `{file: name}` at any depth. */
function fileReferences(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(fileReferences)
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'file' && typeof inner === 'string' ? [inner] : fileReferences(inner),
  )
}

/** Makes the secret files that are missing; gives the write keys as clients send them. */
export async function provideSecrets(needs: DocumentNeeds, folder: string): Promise<Record<string, string>> {
  for (const { name, use } of needs.secrets) {
    await secretFile(join(folder, name), use === 'write key' ? writeKey : signingSecret)
  }
  const keys: Record<string, string> = {}
  for (const [source, key] of needs.keys) {
    keys[source] = 'value' in key ? key.value : await readSecret(join(folder, key.file))
  }
  return keys
}
