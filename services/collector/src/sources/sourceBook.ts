/**
 * What the collector makes of one revision: who may send, and how what is sent is read. Built once per revision and
 * never changed; a request uses the book that holds when its key is looked up, to its end.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type Webhook } from '../http/webhook.ts'
import { type SourceDocument, type WorkspaceConfiguration } from '@tributary/configuration'
import { type PreparedMapping, type Wanted } from '@tributary/domain'
import {
  type Delivery,
  type ReadingPorts,
  type SourceReading,
  sourceReading,
  workspaceRules,
} from '@tributary/sources'

/** A source as its events are read. `trusted` depends on the key. */
export interface BookedSource extends SourceReading {
  readonly id: string
  /** Origins a browser may send from; undefined = any. */
  readonly origins: ReadonlySet<string> | undefined
  /** Undefined = as many as come. */
  readonly eventsPerSecond: number | undefined
  readonly disabled: boolean
}

export interface KeyHolder {
  readonly source: BookedSource
  /** Came with a secret key. */
  readonly trusted: boolean
  /** Of a webhook. */
  readonly delivery?: Delivery
}

export interface KafkaSource extends BookedSource {
  readonly topic: string
  readonly start: 'earliest' | 'latest' | { readonly time: string }
}

export interface WebhookSource {
  readonly source: BookedSource
  readonly webhook: Webhook
  readonly mapping: PreparedMapping
}

export interface SourceBook {
  /** 0 before the first revision. */
  readonly revision: number
  findKey(key: string): KeyHolder | undefined
  readonly kafka: readonly KafkaSource[]
  /** By the source's id. */
  readonly webhooks: ReadonlyMap<string, WebhookSource>
  /** What could not be used, for the log: a secret that is not mounted, for example. */
  readonly problems: readonly string[]
  /** All that a verdict asks of an event that is not mapped; undefined before the first revision. */
  readonly wanted: Wanted | undefined
}

export interface BookPorts extends ReadingPorts {
  /** Content of a mounted secret; throws when it is not there. */
  readonly readSecret: (file: string) => string
}

/** Before any revision exists nobody has a key. */
export const emptyBook: SourceBook = {
  revision: 0,
  findKey: () => undefined,
  kafka: [],
  webhooks: new Map(),
  problems: [],
  wanted: undefined,
}

/** Throws when the revision cannot be used; what concerns one key only is a problem in the book. */
export function buildSourceBook(workspace: WorkspaceConfiguration, ports: BookPorts): SourceBook {
  const rules = workspaceRules(workspace, ports)
  const problems: string[] = []
  const client = new Map<string, KeyHolder>()
  const secret: { readonly digest: Buffer; readonly holder: KeyHolder }[] = []
  const kafka: KafkaSource[] = []
  const webhooks = new Map<string, WebhookSource>()

  for (const document of workspace.sources.values()) {
    const source: BookedSource = {
      id: document.id,
      ...sourceReading(document, rules, ports),
      origins: originsOf(document),
      eventsPerSecond: document.http?.limits?.eventsPerSecond,
      disabled: document.disabled ?? false,
    }
    for (const key of document.http?.keys ?? []) {
      if (key.kind === 'client') client.set(key.value, { source, trusted: false })
      else {
        try {
          secret.push({ digest: storedDigest(ports.readSecret(key.file)), holder: { source, trusted: true } })
        } catch (error) {
          problems.push(`source ${document.id}: key "${key.file}" cannot be used: ${String(error)}`)
        }
      }
    }
    if (document.webhook) {
      const { mapping } = source.circumstances
      if (!mapping) throw new RangeError(`source ${document.id}: a webhook needs a map`)
      const webhook = webhookOf(document.id, document.webhook, ports, problems)
      webhooks.set(document.id, { source, webhook, mapping })
    }
    if (document.kafka)
      kafka.push({ ...source, topic: document.kafka.topic, start: document.kafka.start ?? 'earliest' })
  }

  return {
    revision: workspace.revision,
    findKey: (key) => client.get(key) ?? findSecret(secret, key),
    kafka,
    webhooks,
    problems,
    wanted: rules.wanted,
  }
}

/** A secret that is not mounted is a problem of its own; the others hold. */
function webhookOf(
  id: string,
  { scheme, secrets, toleranceSeconds = 300 }: NonNullable<SourceDocument['webhook']>,
  ports: BookPorts,
  problems: string[],
): Webhook {
  const mounted = secrets.flatMap(({ file }) => {
    try {
      return [ports.readSecret(file).trim()]
    } catch (error) {
      problems.push(`source ${id}: secret "${file}" cannot be used: ${String(error)}`)
      return []
    }
  })
  return { scheme, secrets: mounted, toleranceMs: toleranceSeconds * 1000 }
}

/** Compares with every secret there is, so that the time taken says nothing. */
function findSecret(
  secrets: readonly { readonly digest: Buffer; readonly holder: KeyHolder }[],
  key: string,
): KeyHolder | undefined {
  const given = sha256(key)
  let found: KeyHolder | undefined
  for (const { digest, holder } of secrets) {
    if (timingSafeEqual(digest, given)) found = holder
  }
  return found
}

/** A mounted file holds the key itself, or "sha256:" and 64 hexadecimal digits. Only the hash is kept. */
function storedDigest(content: string): Buffer {
  const text = content.trim()
  const hashed = /^sha256:([0-9a-f]{64})$/i.exec(text)
  return hashed ? Buffer.from(hashed[1]!, 'hex') : sha256(text)
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function originsOf(document: SourceDocument): ReadonlySet<string> | undefined {
  const origins = document.http?.origins
  return origins === undefined || origins.includes('*') ? undefined : new Set(origins)
}
