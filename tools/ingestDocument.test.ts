/** What producers are told is what the collector does: every example of the AsyncAPI document goes through its own code. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { type AcceptedEvent, admitRecord } from '@tributary/domain'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { kinds } from '../packages/configuration/src/model/index.ts'
import { buildSourceBook } from '../services/collector/src/sources/sourceBook.ts'
import { testPorts, workspaceOf } from '../services/collector/src/testing/index.ts'

interface Verdict {
  readonly rejected?: string
  readonly type?: string
  readonly name?: string
  readonly messageId?: string
  readonly time?: string
  readonly identifiers?: Readonly<Record<string, string>>
  readonly properties?: object
  readonly traits?: object
  readonly erases?: true
}

interface Example {
  readonly name: string
  readonly headers?: Readonly<Record<string, string>>
  readonly payload: unknown
}

interface Message {
  readonly headers?: object
  readonly payload: object
  readonly examples: readonly Example[]
  /** By the example's name: AsyncAPI's examples have no keys of their own. */
  readonly 'x-expected': Readonly<Record<string, { readonly key?: unknown; readonly verdict: Verdict }>>
}

interface IngestDocument {
  readonly channels: Record<
    string,
    {
      readonly address: string
      readonly messages: Record<string, { readonly $ref: string }>
      readonly 'x-source': { readonly kind: 'Source'; readonly id: string; readonly kafka: { topic: string } }
    }
  >
  readonly operations: Record<
    string,
    { readonly action: string; readonly channel: { readonly $ref: string } }
  >
  readonly components: { readonly messages: Record<string, Message>; readonly schemas: object }
}

const file = new URL('../docs/reference/asyncapi/ingest.yaml', import.meta.url)
const document = parse(readFileSync(file, 'utf8')) as IngestDocument
const asyncApiSchema = JSON.parse(
  readFileSync(new URL(import.meta.resolve('@asyncapi/specs/schemas/3.0.0.json')), 'utf8'),
) as object
const channels = Object.values(document.channels)
const examples = channels.flatMap((channel) =>
  Object.values(channel.messages).flatMap(({ $ref }) => {
    const message = document.components.messages[$ref.split('/').at(-1)!]!
    return message.examples.map((example) => [example.name, { channel, message, example }] as const)
  }),
)
const book = buildSourceBook(workspaceOf(channels.map((channel) => channel['x-source'])), testPorts)

test('the document is AsyncAPI 3', () => {
  const options = { strict: false, validateFormats: false, meta: false, validateSchema: false }
  const validate = new Ajv(options).compile(asyncApiSchema)
  expect([validate(document), validate.errors]).toEqual([true, null])
})

test('every message belongs to a channel, every channel is received, and is the topic of its source', () => {
  const used = channels.flatMap(({ messages }) => Object.values(messages).map(({ $ref }) => $ref))
  const all = Object.keys(document.components.messages).map((name) => `#/components/messages/${name}`)
  expect(used.sort()).toEqual(all.sort())
  const received = Object.values(document.operations).map(({ action, channel }) => [action, channel.$ref])
  expect(received).toEqual(Object.keys(document.channels).map((name) => ['receive', `#/channels/${name}`]))
  for (const channel of channels) expect(channel['x-source'].kafka.topic).toBe(channel.address)
})

test('every format of a Kafka source has an example', () => {
  const formats = channels.map((channel) => (channel['x-source'].kafka as { format?: string }).format)
  const { anyOf } = kinds.Source.properties.kafka.properties.format as unknown as {
    anyOf: { const: string }[]
  }
  expect(new Set(formats)).toEqual(new Set(anyOf.map((each) => each.const)))
})

describe('the example', () => {
  test.each(examples)('%s is what its schema says', (_name, { message, example }) => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    const within = { components: document.components }
    const payload = ajv.compile({ ...within, ...message.payload })
    expect([payload(example.payload), payload.errors]).toEqual([true, null])
    const headers = ajv.compile({ ...message.headers })
    expect([headers(example.headers ?? {}), headers.errors]).toEqual([true, null])
  })

  test.each(examples)('%s is taken as it is said', (_name, { channel, message, example }) => {
    const source = book.kafka.find(({ topic }) => topic === channel.address)!
    const { key, verdict: expected } = message['x-expected'][example.name]!
    const verdict = admitRecord(
      {
        topic: channel.address,
        partition: 0,
        offset: 0,
        timestampMs: Date.parse('2026-07-02T00:00:00Z'),
        key: key === undefined ? null : Buffer.from(typeof key === 'string' ? key : JSON.stringify(key)),
        value: example.payload === null ? null : Buffer.from(JSON.stringify(example.payload)),
        headers: example.headers ?? {},
      },
      source.circumstances,
    )
    expect(shown(verdict)).toMatchObject(expected)
    expect(shown(verdict).identifiers).toEqual(expected.identifiers)
  })
})

function shown(verdict: ReturnType<typeof admitRecord>): Verdict {
  if ('rejected' in verdict) return { rejected: verdict.rejected.code }
  const event: AcceptedEvent = verdict.accepted
  const body = JSON.parse(Buffer.from(event.payload ?? event.raw).toString()) as Pick<
    Verdict,
    'properties' | 'traits'
  >
  return {
    ...body,
    type: event.type,
    name: event.name,
    messageId: event.messageId,
    time: new Date(event.timeMs).toISOString(),
    identifiers: Object.fromEntries(event.identifiers.map(({ type, value }) => [type, value])),
    ...(event.erases && { erases: true }),
  }
}
