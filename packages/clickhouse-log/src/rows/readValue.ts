/** Reading the value of a record: protobuf or JSON, and a reason when it is neither. */
import type { LogRecord, Unreadable } from './logTable.ts'

interface Decoder<T> {
  decode(bytes: Uint8Array): T
}

/** Undefined for a record without a value. */
export function readProtobuf<T extends object>(record: LogRecord, decoder: Decoder<T>): T | Unreadable {
  if (record.value === null) return { unreadable: 'the record has no value' }
  try {
    return decoder.decode(record.value)
  } catch (error) {
    return { unreadable: `no protobuf of this topic: ${messageOf(error)}` }
  }
}

/** A field of a JSON value whose type is not taken for granted. */
export type JsonObject = Readonly<Record<string, unknown>>

export function readJson(record: LogRecord): JsonObject | Unreadable {
  if (record.value === null) return { unreadable: 'the record has no value' }
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(record.value).toString('utf8'))
  } catch (error) {
    return { unreadable: `no JSON: ${messageOf(error)}` }
  }
  return isObject(parsed) ? parsed : { unreadable: 'JSON, but no object' }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The field as text; empty when it is missing or no text. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0
}

/** An ISO-8601 time as ms since 1970; `otherwise` when it cannot be read. */
export function timeOf(value: unknown, otherwise: number): number {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? otherwise : ms
}

export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}

export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

export function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** Text values of an object. */
export function textMapOf(value: unknown): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [key, item] of Object.entries(objectOf(value))) if (typeof item === 'string') out[key] = item
  return out
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
