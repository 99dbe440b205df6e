/**
 * The declared mapping of a source: from any JSON record to a Segment-shaped event.
 *
 *  M1. A mapping never fails on a missing optional field; it fails when nothing it names is there at all, or when
 *      type or event name cannot be told, because then the record is not what the mapping was written for.
 *  M2. Values are carried over as they stand, numbers to the last digit.
 */
import { isEventType } from './eventType.ts'
import { type Json, type JsonObject, isJsonObject, setOwn } from './json.ts'
import { type Path, parsePath, readPath } from './path.ts'
import { type RejectionCode } from './rejection.ts'

/** Where a field comes from: a path ("customer.card"), a path with what stands in when nothing is there, or a constant. */
export type FieldMapping =
  | string
  | { readonly path: string; readonly default?: Json | undefined }
  | { readonly const: Json }

/** A time may have a zone of its own for local times. */
export type TimeMapping = string | { readonly path: string; readonly zone?: string | undefined }

export interface EventMapping {
  /** A track event when not given. */
  readonly type?: FieldMapping | undefined
  /** Name of a track event. */
  readonly event?: FieldMapping | undefined
  /** Name of a page or screen. */
  readonly name?: FieldMapping | undefined
  readonly messageId?: FieldMapping | undefined
  readonly time?: TimeMapping | undefined
  readonly groupId?: FieldMapping | undefined
  readonly previousId?: FieldMapping | undefined
  /** Identifier type → where its value is. */
  readonly identifiers?: { readonly [type: string]: FieldMapping } | undefined
  readonly properties?: { readonly [key: string]: FieldMapping } | undefined
  readonly traits?: { readonly [key: string]: FieldMapping } | undefined
  readonly context?: { readonly [key: string]: FieldMapping } | undefined
}

/** `key` is that of a Kafka record, as text. The event may be changed by whoever gets it. */
export type MapRecord = (
  record: Json,
  key?: string,
) =>
  | {
      readonly event: JsonObject
      /** It says that the person's row is gone, and the person is to be erased. */
      readonly erases?: boolean
    }
  | { readonly problem: string; readonly code?: RejectionCode }

export interface PreparedMapping {
  readonly map: MapRecord
  /** For local times; undefined when the mapping names none. */
  readonly zone: string | undefined
  /** Names of the traits it maps. */
  readonly traits: readonly string[]
}

type Read = (record: Json) => Json | undefined

interface PreparedField {
  /** What is there, or what stands in for it. */
  readonly read: Read
  /** What is there. */
  readonly find: Read
  /** As written, for messages; undefined for a constant. */
  readonly path: string | undefined
}

/** Throws a RangeError that names the field when a path is none. Make once per revision. */
export function prepareMapping(mapping: EventMapping): PreparedMapping {
  const type = prepareField('type', mapping.type ?? { const: 'track' })
  const single = (
    [
      ['event', mapping.event],
      ['name', mapping.name],
      ['messageId', mapping.messageId],
      ['timestamp', mapping.time],
      ['groupId', mapping.groupId],
      ['previousId', mapping.previousId],
    ] as const
  ).flatMap(([name, field]) => (field === undefined ? [] : [[name, prepareField(name, field)] as const]))
  const identifiers = prepareFields('identifiers', mapping.identifiers)
  const groups = (['properties', 'traits', 'context'] as const).flatMap((name) =>
    mapping[name] === undefined ? [] : [[name, prepareFields(name, mapping[name])] as const],
  )
  const paths = [type, ...single.map(([, f]) => f), ...identifiers.map(([, f]) => f)]
    .concat(groups.flatMap(([, fields]) => fields.map(([, f]) => f)))
    .flatMap((field) => (field.path === undefined ? [] : [field]))

  const map: MapRecord = (record) => {
    if (!isJsonObject(record)) return { problem: 'the record is no JSON object' }
    if (paths.length > 0 && paths.every((field) => isNothing(field.find(record))))
      return { problem: `none of the mapped fields is in the record (${named(paths)})` }
    const typeValue = type.read(record)
    if (!isEventType(typeValue))
      return {
        problem: `type: ${type.path === undefined ? 'the constant' : `what is at "${type.path}"`} is no event type`,
      }

    const event: JsonObject = { type: typeValue }
    for (const [name, field] of single) {
      const value = field.read(record)
      if (!isNothing(value)) event[name] = value
    }
    if (typeValue === 'track' && event['event'] === undefined)
      return {
        problem: `event: nothing at "${single.find(([name]) => name === 'event')?.[1].path ?? 'event'}"`,
      }
    for (const [name, fields] of groups) event[name] = readAll(fields, record)
    addIdentifiers(event, identifiers, record)
    return { event }
  }
  return {
    map,
    zone: typeof mapping.time === 'object' ? mapping.time.zone : undefined,
    traits: Object.keys(mapping.traits ?? {}),
  }
}

function isNothing(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null
}

/** The first few paths, for a message. */
function named(fields: readonly PreparedField[]): string {
  const shown = fields.slice(0, 5).map((field) => field.path)
  return shown.join(', ') + (fields.length > 5 ? ', …' : '')
}

/** user_id and anonymous_id have places of their own; every other type goes to context.externalIds. */
function addIdentifiers(
  event: JsonObject,
  fields: readonly (readonly [string, PreparedField])[],
  record: Json,
): void {
  const external: Json[] = []
  for (const [type, field] of fields) {
    const value = field.read(record)
    if (isNothing(value)) continue
    if (type === 'user_id') event['userId'] = value
    else if (type === 'anonymous_id') event['anonymousId'] = value
    else external.push({ type, id: value, collection: 'users', encoding: 'none' })
  }
  if (external.length === 0) return
  const context = isJsonObject(event['context']) ? event['context'] : {}
  event['context'] = { ...context, externalIds: external }
}

function readAll(fields: readonly (readonly [string, PreparedField])[], record: Json): JsonObject {
  const out: JsonObject = {}
  for (const [key, field] of fields) {
    const value = field.read(record)
    if (value !== undefined) setOwn(out, key, value)
  }
  return out
}

function prepareFields(
  where: string,
  fields: { readonly [key: string]: FieldMapping } | undefined,
): (readonly [string, PreparedField])[] {
  return Object.entries(fields ?? {}).map(
    ([key, field]) => [key, prepareField(`${where}.${key}`, field)] as const,
  )
}

function prepareField(where: string, field: FieldMapping): PreparedField {
  if (typeof field === 'object' && 'const' in field) {
    const value = field.const
    return { read: () => value, find: () => undefined, path: undefined }
  }
  const [text, standIn] = typeof field === 'string' ? [field, undefined] : [field.path, field.default]
  const path: Path | undefined = parsePath(text)
  if (!path) throw new RangeError(`${where}: "${text}" is no path; write keys with dots between them`)
  const find: Read = (record) => readPath(record, path)
  const read: Read = (record) => {
    const found = find(record)
    return isNothing(found) && standIn !== undefined ? standIn : found
  }
  return { read, find, path: text }
}
