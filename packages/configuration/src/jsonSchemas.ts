/**
 * The model as JSON Schemas (2020-12), for editors: one per kind, and one for a file of any of them.
 *
 * Our annotations become words: what is not run yet says so in its description.
 */
import type { Schema } from './check/checkSchema.ts'
import { kinds, type Kind } from './model/index.ts'

export type JsonSchema = { [key: string]: unknown }

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/** "document" is any kind. */
export type SchemaName = Lowercase<Kind> | 'document'

export function jsonSchemas(): ReadonlyMap<SchemaName, JsonSchema> {
  const schemas = new Map<SchemaName, JsonSchema>()
  for (const [kind, schema] of Object.entries(kinds)) {
    const defs: JsonSchema = {}
    const body = rewrite(schema, defs)
    schemas.set(kind.toLowerCase() as SchemaName, {
      $schema: DIALECT,
      title: kind,
      ...body,
      ...(Object.keys(defs).length > 0 && { $defs: defs }),
    })
  }
  schemas.set('document', {
    $schema: DIALECT,
    title: 'A document of the workspace',
    type: 'object',
    required: ['kind', 'id'],
    properties: { kind: { enum: Object.keys(kinds) } },
    allOf: Object.keys(kinds).map((kind) => ({
      if: { properties: { kind: { const: kind } }, required: ['kind'] },
      // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
      then: { $ref: `${kind.toLowerCase()}.json` },
    })),
  })
  return schemas
}

/** Copies a schema: definitions are lifted to the root, annotations of our own are taken off. */
function rewrite(schema: unknown, defs: JsonSchema): JsonSchema {
  const {
    $defs,
    $ref,
    $id: _id,
    notYet,
    expects: _expects,
    defName,
    description,
    ...rest
  } = schema as Schema & { $id?: string }
  if (defName !== undefined && !(defName in defs)) {
    defs[defName] = {}
    defs[defName] = rewrite({ ...(schema as Schema), defName: undefined }, defs)
  }
  if (defName !== undefined) return { $ref: `#/$defs/${defName}` }
  for (const [name, definition] of Object.entries($defs ?? {})) defs[name] ??= rewrite(definition, defs)
  const words = [description, notYet === undefined ? undefined : 'Not yet run by this version.']
    .filter(Boolean)
    .join(' ')
  const copy: JsonSchema = {
    ...($ref !== undefined && { $ref: `#/$defs/${$ref}` }),
    ...(words !== '' && { description: words }),
  }
  for (const [key, value] of Object.entries(rest)) {
    if (key === 'properties' || key === 'patternProperties')
      copy[key] = Object.fromEntries(
        Object.entries(value as Record<string, unknown>).map(([name, each]) => [name, rewrite(each, defs)]),
      )
    else if (key === 'anyOf') copy[key] = (value as unknown[]).map((each) => rewrite(each, defs))
    else if (key === 'items') copy[key] = rewrite(value, defs)
    else copy[key] = value
  }
  if (rest.patternProperties) copy['additionalProperties'] = false
  return copy
}

/** As written to schemas/<name>.json. */
export function schemaText(schema: JsonSchema): string {
  return `${JSON.stringify(schema, null, 2)}\n`
}
