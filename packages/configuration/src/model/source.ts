import { Type, type Static } from 'typebox'
import { closed, date, heading, identifierType, path, secretFile } from './terms.ts'

const inRecord = (description: string) =>
  path(`${description} A path inside the record, for example customer.card.`)

/** A value out of the record: a path, a path with a fall-back, or always the same. */
export const MapValue = Type.Union(
  [
    inRecord('Where the value is.'),
    closed({ const: Type.Unknown({ description: 'Always this value.' }) }),
    closed({
      path: inRecord('Where the value is.'),
      default: Type.Unknown({ description: 'When it is missing.' }),
    }),
  ],
  { defName: 'MapValue' },
)
export type MapValue = Static<typeof MapValue>

const TimeValue = Type.Union(
  [
    inRecord('Where the time is.'),
    closed({
      path: inRecord('Where the time is.'),
      zone: Type.Optional(
        Type.String({
          minLength: 1,
          description: 'IANA zone of a time without one, for example Europe/Paris.',
        }),
      ),
    }),
  ],
  { description: "When it happened; the record's own time when not given." },
)

const fields = (description: string) =>
  Type.Record(Type.String({ minLength: 1, maxLength: 128 }), MapValue, { description })

export const Mapping = closed(
  {
    type: Type.Optional(MapValue),
    event: Type.Optional(MapValue),
    name: Type.Optional(MapValue),
    groupId: Type.Optional(MapValue),
    previousId: Type.Optional(MapValue),
    messageId: Type.Optional(MapValue),
    time: Type.Optional(TimeValue),
    identifiers: Type.Record(identifierType('A type of identifier.'), MapValue, {
      description: 'Type of identifier to where its value is.',
    }),
    properties: Type.Optional(fields('Property to where its value is.')),
    traits: Type.Optional(fields('Trait to where its value is.')),
    context: Type.Optional(fields('Field of the context to where its value is.')),
  },
  { description: 'How a record of plain JSON becomes an event. `type` is track when not given.' },
)
export type Mapping = Static<typeof Mapping>

const Key = Type.Union([
  closed({
    kind: Type.Literal('client'),
    value: Type.String({
      pattern: '^[A-Za-z0-9_-]{6,128}$',
      expects: 'a key of 6 to 128 letters, digits, - and _',
      description: 'Public: it stands in a web page.',
    }),
  }),
  closed({
    kind: Type.Literal('secret'),
    file: secretFile('Name of the file in the directory of secrets that holds the key.'),
  }),
])

const eventBytes = Type.Optional(
  Type.Integer({
    minimum: 1024,
    maximum: 921_600,
    description: 'Largest event, bytes. 262144 when not given; at most 921600 (900 KiB: what Kafka takes).',
  }),
)
const limits = Type.Optional(closed({ eventBytes }, { description: 'Limits of this source.' }))

const Http = closed(
  {
    keys: Type.Array(Key, {
      minItems: 1,
      maxItems: 20,
      description: 'Write keys; several overlap while one is rotated.',
    }),
    origins: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^(\\*|https?://[^/\\s]+)$',
          expects: 'an origin such as https://shop.example',
        }),
        {
          maxItems: 100,
          description:
            'Origins a browser may send from, for example https://shop.example; any when not given.',
        },
      ),
    ),
    limits: Type.Optional(
      closed(
        {
          eventBytes,
          eventsPerSecond: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 1_000_000,
              description:
                'Events a second that one instance of the collector takes of this source; above it the answer is 429. No limit when not given.',
            }),
          ),
        },
        { description: 'Limits of this source.' },
      ),
    ),
  },
  { description: 'Events over HTTP.' },
)

const Kafka = closed(
  {
    topic: Type.String({
      pattern: '^[A-Za-z0-9._-]{1,249}$',
      expects: 'a name of a topic',
      description: 'Full name of the topic, one per source.',
    }),
    format: Type.Union(
      [
        Type.Literal('json', { description: 'Plain JSON, mapped by `map`.' }),
        Type.Literal('segment', { description: 'Segment-shaped JSON: type, event, userId, properties …' }),
        Type.Literal('cloudevents', {
          description: 'CloudEvents 1.0, binary or structured; `map` reads the whole of it, `data` included.',
        }),
        Type.Literal('debezium', {
          description: 'Rows as Debezium writes changes of them, mapped by `map`.',
        }),
        Type.Literal('connect', {
          description: 'Rows as Kafka Connect writes JSON, with or without schema, mapped by `map`.',
        }),
      ],
      { description: 'How a record is written.' },
    ),
    start: Type.Optional(
      Type.Union(
        [
          Type.Literal('earliest'),
          Type.Literal('latest'),
          closed({ time: date('Begin with records from then on.') }),
        ],
        { description: 'Where to begin; earliest when not given.' },
      ),
    ),
    onDelete: Type.Optional(
      Type.Union(
        [
          Type.Literal('ignore', { description: 'Left out, with a reason.' }),
          Type.Literal('unset', { description: 'Takes the mapped traits of an identify event back.' }),
          Type.Literal('erase', {
            description: 'Erases the person the row is about; `map.type` is {const: identify}.',
          }),
        ],
        { description: 'What a deleted row does (debezium, connect); ignore when not given.' },
      ),
    ),
    limits,
  },
  { description: 'Events from a Kafka topic. `start` is earliest when not given.' },
)

const Webhook = closed(
  {
    scheme: Type.Union(
      [
        Type.Literal('standard', { description: 'Standard Webhooks: webhook-id, -timestamp, -signature.' }),
        Type.Literal('shopify', { description: 'Shopify: X-Shopify-Hmac-SHA256 over the body.' }),
      ],
      { description: 'How deliveries are signed.' },
    ),
    secrets: Type.Array(
      closed({
        file: secretFile('Name of the file in the directory of secrets that holds the signing secret.'),
      }),
      {
        minItems: 1,
        maxItems: 5,
        description: 'Signing secrets; several hold side by side while one is rotated.',
      },
    ),
    toleranceSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 86_400,
        description: 'How old a signed delivery may be, and how far its clock ahead. 300 when not given.',
      }),
    ),
    limits,
  },
  { description: 'Signed deliveries of another system, at POST /v1/webhook/<id of this source>.' },
)

export const Source = closed(
  {
    ...heading('Source', 'Where events come from.'),
    http: Type.Optional(Http),
    kafka: Type.Optional(Kafka),
    webhook: Type.Optional(Webhook),
    map: Type.Optional(Mapping),
    zone: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'IANA zone of times without one; UTC (and flagged) when not given.',
      }),
    ),
    disabled: Type.Optional(
      Type.Boolean({ description: 'Refuse its events (HTTP) or stop reading (Kafka).' }),
    ),
  },
  {
    description: 'Where events come from: write keys over HTTP, a Kafka topic, or signed webhooks.',
    exactlyOne: ['http', 'kafka', 'webhook'],
  },
)
export type SourceDocument = Static<typeof Source>
