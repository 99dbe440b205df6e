/**
 * What the collector makes of one revision: who may send, and how what is sent is read. Built once per revision and
 * never changed; a request uses the book that holds when its key is looked up, to its end.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type Webhook } from '../http/webhook.ts'
import { type SourceDocument, type WorkspaceConfiguration } from '@tributary/configuration'
import {
  type Circumstances,
  type EventLimits,
  type EventMapping,
  type HashIdentifier,
  type NormalisePhone,
  type PreparedMapping,
  type PreparedRules,
  type RecordFormat,
  changeDataMapping,
  cloudEventMapping,
  defaultEventLimits,
  prepareMapping,
  prepareRules,
} from '@tributary/domain'

/** A source as its events are read. `trusted` depends on the key. */
export interface BookedSource {
  readonly id: string
  readonly circumstances: Circumstances
  /** Origins a browser may send from; undefined = any. */
  readonly origins: ReadonlySet<string> | undefined
  /** Undefined = as many as come. */
  readonly eventsPerSecond: number | undefined
  readonly disabled: boolean
  /** For what comes as CloudEvents over HTTP. */
  readonly cloudEvents: PreparedMapping
  /** How the lines of an upload become events; undefined = they are events. */
  readonly uploads: PreparedMapping | undefined
}

export interface KeyHolder {
  readonly source: BookedSource
  /** Came with a secret key. */
  readonly trusted: boolean
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
}

export interface BookPorts {
  readonly hashIdentifier: HashIdentifier
  readonly phone: (value: string, region: string | undefined) => string | undefined
  readonly digest: (parts: readonly string[]) => string
  /** Content of a mounted secret; throws when it is not there. */
  readonly readSecret: (file: string) => string
  readonly epoch: number
  readonly maxEventBytes: number
}

/** Before any revision exists nobody has a key. */
export const emptyBook: SourceBook = {
  revision: 0,
  findKey: () => undefined,
  kafka: [],
  webhooks: new Map(),
  problems: [],
}

/** Throws when the revision cannot be used; what concerns one key only is a problem in the book. */
export function buildSourceBook(workspace: WorkspaceConfiguration, ports: BookPorts): SourceBook {
  const rules = rulesOf(workspace, ports)
  const problems: string[] = []
  const client = new Map<string, KeyHolder>()
  const secret: { readonly digest: Buffer; readonly holder: KeyHolder }[] = []
  const kafka: KafkaSource[] = []
  const webhooks = new Map<string, WebhookSource>()

  for (const document of workspace.sources.values()) {
    const source: BookedSource = {
      id: document.id,
      circumstances: {
        sourceId: document.id,
        trusted: document.kafka !== undefined || document.webhook !== undefined,
        epoch: ports.epoch,
        rules,
        limits: limitsOf(document, ports.maxEventBytes),
        zone: document.zone,
        ...readingOf(document, ports.digest),
        digest: ports.digest,
      },
      origins: originsOf(document),
      eventsPerSecond: document.http?.limits?.eventsPerSecond,
      disabled: document.disabled ?? false,
      cloudEvents: cloudEventMapping(undefined, ports.digest),
      uploads: document.http && document.map ? prepareMapping(document.map as EventMapping) : undefined,
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

/** Of each revision once: what they remember of identifiers outlives the re-reading of secrets. */
const prepared = new WeakMap<WorkspaceConfiguration, PreparedRules>()

function rulesOf(workspace: WorkspaceConfiguration, ports: BookPorts): PreparedRules {
  const known = prepared.get(workspace)
  if (known) return known
  const { region } = workspace.workspace
  const phone: NormalisePhone = (value) => ports.phone(value, region)
  const rules = prepareRules(workspace.identityRules, { hashIdentifier: ports.hashIdentifier, phone })
  prepared.set(workspace, rules)
  return rules
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

/** How the records of a source become events. */
function readingOf(
  document: SourceDocument,
  digest: BookPorts['digest'],
): { readonly mapping?: PreparedMapping | undefined; readonly format?: RecordFormat } {
  // What SDKs send needs none: over HTTP it is for uploads alone.
  const mapping = document.map && !document.http ? prepareMapping(document.map as EventMapping) : undefined
  const format = document.kafka?.format
  if (format === 'cloudevents') return { format, mapping: cloudEventMapping(mapping, digest) }
  if (format === 'debezium' || format === 'connect')
    return { format: 'change-data', mapping: rowMapping(document, mapping, digest) }
  return { mapping }
}

function rowMapping(
  { id, kafka }: SourceDocument,
  mapping: PreparedMapping | undefined,
  digest: BookPorts['digest'],
): PreparedMapping {
  const onDelete = kafka?.onDelete ?? 'ignore'
  // Neither passes the check of documents; a revision that holds one all the same is refused whole.
  if (!mapping) throw new RangeError(`source ${id}: rows of tables need a map`)
  if (onDelete === 'erase') throw new RangeError(`source ${id}: rows that erase are not run by this version`)
  return changeDataMapping(mapping, { onDelete, digest })
}

function limitsOf(document: SourceDocument, maxEventBytes: number): EventLimits {
  return { ...defaultEventLimits, maxEventBytes: document.http?.limits?.eventBytes ?? maxEventBytes }
}

function originsOf(document: SourceDocument): ReadonlySet<string> | undefined {
  const origins = document.http?.origins
  return origins === undefined || origins.includes('*') ? undefined : new Set(origins)
}
