/**
 * The terms every kind is written in: ids, durations, texts, paths, and a closed object.
 *
 * Annotations of our own ride on schemas and are taken off when the JSON Schemas are written: `notYet` names what
 * the grammar has and this version does not run (using it is refused), `expects` says in a message what a pattern
 * means, `defName` makes a definition of what stands in many places.
 */
import { Type, type TProperties, type TSchemaOptions } from 'typebox'

export interface Annotations {
  notYet?: string
  expects?: string
  defName?: string
}

/** An object without unknown keys. `exactlyOne` names keys of which exactly one must be there. */
export function closed<P extends TProperties>(
  properties: P,
  options: TSchemaOptions & Annotations & { exactlyOne?: readonly string[] } = {},
) {
  const { exactlyOne, ...rest } = options
  return Type.Object(properties, {
    ...rest,
    additionalProperties: false,
    ...(exactlyOne && { oneOf: exactlyOne.map((key) => ({ required: [key] })) }),
  })
}

/** Longest id: fits a Kafka key beside a profile id and a Kubernetes name. */
export const MAX_ID_LENGTH = 63

export const ID_PATTERN = `^[a-z][a-z0-9_-]{0,${MAX_ID_LENGTH - 1}}$`

export const id = (description: string) =>
  Type.String({
    pattern: ID_PATTERN,
    description,
    expects: 'an id (lower-case letters, digits, - and _, a letter first, at most 63)',
  })

const IDENTIFIER_TYPE_PATTERN = `^[a-z][a-z0-9_]{0,${MAX_ID_LENGTH - 1}}$`

/** A type of identifier, for example user_id. */
export const identifierType = (description: string) =>
  Type.String({
    pattern: IDENTIFIER_TYPE_PATTERN,
    description,
    expects: 'a type of identifier (lower-case letters, digits and _, a letter first, at most 63)',
  })

/** "90d", "12h", "30m". */
const DURATION_PATTERN = '^[1-9][0-9]{0,5}(m|h|d)$'

export const duration = (description: string, options: Annotations = {}) =>
  Type.String({
    pattern: DURATION_PATTERN,
    description: `${description} For example 30m, 12h, 90d.`,
    expects: 'a duration such as 30m, 12h or 90d',
    ...options,
  })

/** A day or an instant, ISO-8601. */
export const date = (description: string, options: Annotations = {}) =>
  Type.String({
    pattern: '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2})?)?$',
    description: `${description} ISO-8601, for example 2026-01-31 or 2026-01-31T18:00:00Z.`,
    expects: 'a date such as 2026-01-31 or 2026-01-31T18:00:00Z',
    ...options,
  })

/** Keys separated by dots; a number picks an element of a list; `\.` is a dot inside a key. */
export const path = (description: string) =>
  Type.String({
    pattern: '^([^.\\\\]|\\\\.)+(\\.([^.\\\\]|\\\\.)+)*$',
    maxLength: 256,
    description,
    expects: 'a path such as customer.card',
  })

/** A path inside an event. */
export const eventPath = (description: string) =>
  path(`${description} A path inside the event, for example properties.total.`)

/** A name of a file in the one directory of secrets. */
export const secretFile = (description: string) =>
  Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
    description,
    expects: 'a file name without a folder',
  })

/** Text for people: one, or one per language. */
const Text = Type.Union(
  [
    Type.String({ minLength: 1, maxLength: 200 }),
    Type.Record(
      Type.String({ pattern: '^[a-z]{2}(-[A-Z]{2})?$' }),
      Type.String({ minLength: 1, maxLength: 200 }),
    ),
  ],
  {
    description: 'For people: one text, or one for each language.',
    expects: 'a text, or a text for each language',
  },
)

export const scalar = (description: string) =>
  Type.Union([Type.String(), Type.Number(), Type.Boolean()], {
    description,
    expects: 'a text, a number, true or false',
  })

/** What every document begins with. */
export const heading = <K extends string>(kind: K, ofId: string) => ({
  $schema: Type.Optional(Type.String({ description: 'For editors; ignored.' })),
  kind: Type.Literal(kind, { description: 'What this document is.' }),
  id: id(ofId),
  name: Type.Optional(Text),
  description: Type.Optional(Type.String({ maxLength: 2000, description: 'For people.' })),
})
