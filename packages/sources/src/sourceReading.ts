/**
 * How what a source sends is read under one revision. The collector reads by it, and whoever wants to know beforehand, or
 * again, what the collector makes of an input: there is no second way.
 *
 *  R1. A verdict depends on the document, the identity rules and the input alone.
 */
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

export interface ReadingPorts {
  readonly hashIdentifier: HashIdentifier
  readonly phone: (value: string, region: string | undefined) => string | undefined
  readonly digest: (parts: readonly string[]) => string
  readonly epoch: number
  /** Of a source that does not say, bytes. */
  readonly maxEventBytes: number
}

export interface SourceReading {
  /** `trusted` is that of a topic or a webhook; over HTTP it depends on the key. */
  readonly circumstances: Circumstances
  /** For what comes as CloudEvents over HTTP. */
  readonly cloudEvents: PreparedMapping
  /** How the lines of an upload become events; undefined = they are events. */
  readonly uploads: PreparedMapping | undefined
}

/** Throws when the document cannot be used: a revision that holds one is refused whole. */
export function sourceReading(
  document: SourceDocument,
  rules: PreparedRules,
  ports: Pick<ReadingPorts, 'digest' | 'epoch' | 'maxEventBytes'>,
): SourceReading {
  return {
    circumstances: {
      sourceId: document.id,
      trusted: document.kafka !== undefined || document.webhook !== undefined,
      epoch: ports.epoch,
      rules,
      limits: limitsOf(document, ports.maxEventBytes),
      zone: document.zone,
      ...formatOf(document, ports.digest),
      digest: ports.digest,
    },
    cloudEvents: cloudEventMapping(undefined, ports.digest),
    uploads: document.http && document.map ? prepareMapping(document.map as EventMapping) : undefined,
  }
}

/** How the lines of an upload are read. `trusted` is that of the key. */
export function uploadCircumstances(
  { circumstances, uploads }: SourceReading,
  trusted: boolean,
): Circumstances {
  return { ...circumstances, trusted, mapping: uploads ?? circumstances.mapping }
}

/** Of each revision once: what they remember of identifiers outlives the re-reading of secrets. */
const prepared = new WeakMap<WorkspaceConfiguration, PreparedRules>()

export function workspaceRules(
  workspace: WorkspaceConfiguration,
  ports: Pick<ReadingPorts, 'hashIdentifier' | 'phone'>,
): PreparedRules {
  const known = prepared.get(workspace)
  if (known) return known
  const { region } = workspace.workspace
  const phone: NormalisePhone = (value) => ports.phone(value, region)
  const rules = prepareRules(workspace.identityRules, { hashIdentifier: ports.hashIdentifier, phone })
  prepared.set(workspace, rules)
  return rules
}

/** How the records of a source become events. */
function formatOf(
  document: SourceDocument,
  digest: ReadingPorts['digest'],
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
  digest: ReadingPorts['digest'],
): PreparedMapping {
  // Does not pass the check of documents; a revision that holds one all the same is refused whole.
  if (!mapping) throw new RangeError(`source ${id}: rows of tables need a map`)
  return changeDataMapping(mapping, { onDelete: kafka?.onDelete ?? 'ignore', digest })
}

function limitsOf(document: SourceDocument, maxEventBytes: number): EventLimits {
  const { limits } = document.http ?? document.kafka ?? document.webhook ?? {}
  return { ...defaultEventLimits, maxEventBytes: limits?.eventBytes ?? maxEventBytes }
}
