import { Type, type Static } from 'typebox'
import { Recipe } from '../recipe/recipe.ts'
import { closed, heading, id, secretFile } from './terms.ts'

const Secret = closed(
  { file: secretFile('Name of the file in the directory of secrets.') },
  { description: 'A secret is never written here: it is a file.' },
)

/** Longest wait for an answer when a document says nothing. */
export const DEFAULT_TIMEOUT_MS = 10_000

/** What every destination that is called over the network may say. */
const network = {
  timeoutMs: Type.Optional(
    Type.Integer({
      minimum: 100,
      maximum: 60_000,
      description: `Longest wait for an answer, ms. ${DEFAULT_TIMEOUT_MS} when not given.`,
    }),
  ),
  allowPrivateAddresses: Type.Optional(
    Type.Boolean({
      description:
        'Allow loopback and private addresses (a receiver inside the cluster). false when not given.',
    }),
  ),
}

const Webhook = closed(
  {
    url: Type.String({
      // A reference to be filled in may stand in front, so that editors take it.
      pattern: '^(https?://|\\$\\{)\\S+$',
      expects: 'an address such as https://crm.example/hooks',
      maxLength: 2000,
      description: 'Where to POST.',
    }),
    signingSecret: Type.Union([Secret, Type.Array(Secret, { minItems: 1, maxItems: 5 })], {
      description: 'whsec_… of Standard Webhooks; several sign side by side while one is rotated.',
    }),
    ...network,
  },
  { description: 'Signed HTTP calls as Standard Webhooks describes them.' },
)

const HttpRecipe = closed(
  {
    use: Type.Optional(
      Type.String({ maxLength: 63, description: 'Name of a recipe that comes with Tributary.' }),
    ),
    define: Type.Optional(Recipe),
    params: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][a-zA-Z0-9]*$' }),
        Type.Union([Type.String(), Type.Number(), Type.Boolean()], { description: 'Its value.' }),
        { description: 'Parameters of the recipe.' },
      ),
    ),
    secrets: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z][a-zA-Z0-9]*$' }), Secret, {
        description: 'Files of the secrets the recipe needs.',
      }),
    ),
    ...network,
  },
  {
    description: 'A service by its own API: one that comes with Tributary, or described here.',
    exactlyOne: ['use', 'define'],
  },
)

const KafkaTopic = closed(
  {
    topic: Type.String({
      pattern: '^[A-Za-z0-9._-]+$',
      expects: 'the name of a topic such as crm.people',
      maxLength: 249,
      description: 'Whole name of the topic, on the cluster of this installation. It must exist, compacted.',
    }),
  },
  { description: 'A topic with the chosen fields of each profile, keyed by profile id.' },
)

/** A name in PostgreSQL as it stands in the database: it is always quoted. */
const sqlName = '[A-Za-z_][A-Za-z0-9_$]{0,62}'

const Postgres = closed(
  {
    host: Type.String({
      pattern: '^(\\$\\{)?[A-Za-z0-9.:_-]+\\}?$',
      maxLength: 253,
      expects: 'a host such as db.example',
      description: 'Name or address of the server.',
    }),
    port: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 65_535, description: 'Port. 5432 when not given.' }),
    ),
    database: Type.String({ minLength: 1, maxLength: 63, description: 'Name of the database.' }),
    user: Type.String({ minLength: 1, maxLength: 63, description: 'Who signs in.' }),
    password: Secret,
    table: Type.String({
      pattern: `^(${sqlName}\\.)?${sqlName}$`,
      expects: 'the name of a table such as crm.people',
      description: 'Table with a row for each profile, with or without its schema. It must exist.',
    }),
    tls: Type.Optional(
      Type.Union([Type.Literal('verify'), Type.Literal('off')], {
        description:
          'verify: over TLS, to the server whose certificate says this host. verify when not given.',
      }),
    ),
    ca: Type.Optional(
      closed(
        { file: secretFile('Name of the file in the directory of secrets.') },
        {
          description: 'Who signs the certificate of the server, PEM; those the system knows when not given.',
        },
      ),
    ),
    ...network,
  },
  { description: 'A table of PostgreSQL with the chosen fields of each profile.' },
)

/** Longest wait of a change for others to share its file, when a document says nothing. */
export const DEFAULT_FILE_SECONDS = 60

const S3 = closed(
  {
    bucket: Type.String({
      pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
      expects: 'the name of a bucket such as people-changes',
      description: 'Bucket. It must exist.',
    }),
    prefix: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_=.-]+(/[A-Za-z0-9_=.-]+)*$',
        maxLength: 400,
        expects: 'a beginning of names such as tributary/changes',
        description: 'What the names of all its objects begin with.',
      }),
    ),
    endpoint: Type.Optional(
      Type.String({
        pattern: '^(https?://|\\$\\{)\\S+$',
        expects: 'an address such as https://s3.example',
        maxLength: 2000,
        description: 'Address of a service that speaks S3. Amazon when not given.',
      }),
    ),
    region: Type.Optional(
      Type.String({ minLength: 1, maxLength: 63, description: 'Region. us-east-1 when not given.' }),
    ),
    accessKeyId: Secret,
    secretAccessKey: Secret,
    everySeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3_600,
        description: `Longest wait of a change for others to share its file, s. ${DEFAULT_FILE_SECONDS} when not given.`,
      }),
    ),
    ...network,
  },
  { description: 'Files of changes in a bucket, compressed, a line each.' },
)

export const Destination = closed(
  {
    ...heading('Destination', 'A system to send to.'),
    webhook: Type.Optional(Webhook),
    kafka: Type.Optional(KafkaTopic),
    postgres: Type.Optional(Postgres),
    s3: Type.Optional(S3),
    recipe: Type.Optional(HttpRecipe),
    purposes: Type.Optional(
      Type.Array(id('A purpose of the workspace.'), {
        uniqueItems: true,
        description: 'What it is used for: only people who consent are sent.',
      }),
    ),
    maxPerSecond: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 100_000,
        description:
          'Most calls per second. 50 when not given; 5000 records to Kafka, 2000 rows to Postgres.',
      }),
    ),
    maxConcurrent: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description: 'Most calls at once. 8 when not given; 500 records to Kafka, 500 rows to Postgres.',
      }),
    ),
    disabled: Type.Optional(Type.Boolean({ description: 'Keep what is to be sent, send nothing.' })),
  },
  {
    description: 'A system to send to: its address and its secret.',
    exactlyOne: ['webhook', 'kafka', 'postgres', 's3', 'recipe'],
  },
)
export type DestinationDocument = Static<typeof Destination>

/** Whether it holds the newest of each profile, rather than hearing of every change: a topic, a table. */
export function holdsState(destination: DestinationDocument): boolean {
  return destination.kafka !== undefined || destination.postgres !== undefined
}
