/** Holds a record of a public topic to what is published of it: the AsyncAPI document and the JSON Schemas it names. */
import { readFileSync } from 'node:fs'
import { type TopicSpec, topicName } from '@tributary/contracts'
import { type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

const reference = new URL('../../docs/reference/', import.meta.url)

interface AsyncApi {
  readonly channels: Record<string, { address: string; messages: Record<string, object> }>
  readonly components: {
    readonly messages: Record<string, { headers: { allOf: object[] }; payload: { schema: { $ref: string } } }>
    readonly schemas: Record<string, object>
  }
}

export interface PublicRecord {
  readonly key: string | null
  readonly value: Uint8Array | null
  readonly headers: Readonly<Record<string, Buffer | string | undefined>>
}

interface Checks {
  readonly value: ValidateFunction
  readonly headers: ValidateFunction
}

/** A schema as it is published is open, for readers; what we write has no field that is not in it. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return 'properties' in copy && !('additionalProperties' in copy)
    ? { ...copy, additionalProperties: false }
    : copy
}

const options = { strict: false, validateFormats: false, allErrors: true }

function readChecks(): Map<string, Checks> {
  const file = new URL('asyncapi/tributary.yaml', reference)
  const { channels, components } = parse(readFileSync(file, 'utf8')) as AsyncApi
  return new Map(
    Object.entries(channels).map(([name, { address }]) => {
      const message = components.messages[name]!
      const schema = JSON.parse(readFileSync(new URL(message.payload.schema.$ref, file), 'utf8')) as unknown
      const headers = { ...message.headers, components: { schemas: components.schemas } }
      return [
        address,
        {
          value: new Ajv2020(options).compile(closed(schema) as object),
          headers: new Ajv2020(options).compile(headers),
        },
      ]
    }),
  )
}

let checks: Map<string, Checks> | undefined

/** Empty when the record is what the documents say. */
export function publicRecordProblems(topic: TopicSpec, record: PublicRecord): string[] {
  checks ??= readChecks()
  const check = checks.get(topicName('cdp', topic))
  if (!check) return [`${topic.name} is no channel of the AsyncAPI document`]
  const headers = Object.fromEntries(
    Object.entries(record.headers).map(([name, value]) => [name, String(value)]),
  )
  const text = record.value === null ? undefined : Buffer.from(record.value).toString()
  const value: unknown = text === undefined ? null : JSON.parse(text)
  const problems = [...keyProblems(topic, record.key, value, headers)]
  if (!check.headers(headers)) problems.push(`headers: ${JSON.stringify(check.headers.errors)}`)
  if (value === null ? topic.cleanUp !== 'compact' : !check.value(value))
    problems.push(`value ${text}: ${JSON.stringify(check.value.errors)}`)
  return problems
}

/** What the document says of keys and subjects in words. */
function* keyProblems(
  { key: rule, name }: TopicSpec,
  key: string | null,
  value: unknown,
  headers: Readonly<Record<string, string>>,
): Generator<string> {
  const { profileId, audience, source } = (value ?? {}) as Record<string, string>
  const expected: Record<string, string | undefined> = {
    'profile id': profileId ?? key ?? '',
    'audience ‖ profile id': `${audience}|${profileId}`,
    'source id': source,
  }
  if (rule in expected && key !== expected[rule]) yield `${name}: key ${key} instead of ${expected[rule]}`
  if (profileId !== undefined && headers['ce_subject'] !== profileId)
    yield `${name}: ce_subject ${headers['ce_subject']} instead of ${profileId}`
}
