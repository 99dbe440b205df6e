/** Holds an answer of the HTTP door of profiles to its OpenAPI document. */
import { readFileSync } from 'node:fs'
import { type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

const reference = new URL('../../docs/reference/', import.meta.url)

interface Response {
  readonly $ref?: string
  readonly headers?: Record<string, object>
  readonly content?: Record<string, { schema: { $ref: string } }>
}

interface OpenApi {
  readonly paths: Record<string, Record<string, { responses: Record<string, Response> }>>
  readonly components: { readonly responses: Record<string, Response>; readonly schemas: object }
}

const document = parse(readFileSync(new URL('openapi/profiles.yaml', reference), 'utf8')) as OpenApi
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
const validators = new Map<string, ValidateFunction>()

function validatorOf(ref: string): ValidateFunction {
  let found = validators.get(ref)
  if (!found) {
    found = ajv.compile({ $ref: ref, components: { schemas: document.components.schemas } })
    validators.set(ref, found)
  }
  return found
}

const profileSchema = ajv.compile(
  JSON.parse(readFileSync(new URL('schemas/profile.schema.json', reference), 'utf8')) as object,
)

export interface HttpAnswer {
  readonly code: number
  readonly headers: Headers
  readonly text: string
}

/** `path` as it stands in the document. Empty when the answer is what it says. */
export function openApiProblems(path: string, { code, headers, text }: HttpAnswer): string[] {
  const responses = document.paths[path]?.['get']?.responses
  if (!responses) return [`${path} is no path of the document`]
  const named = responses[String(code)] ?? responses['default']!
  const response = named.$ref ? document.components.responses[named.$ref.split('/').at(-1)!]! : named
  const type = headers.get('content-type') ?? ''
  const content = response.content?.[type.split(';')[0]!]
  if (!content) return [`${code}: the content type ${type} is not in the document`]
  const value: unknown = JSON.parse(text)
  const validate = validatorOf(content.schema.$ref)
  const problems = validate(value) ? [] : [`${code} ${text}: ${JSON.stringify(validate.errors)}`]
  if ((code === 429 || code === 503) && !/^\d+$/.test(headers.get('retry-after') ?? ''))
    problems.push(`${code}: Retry-After is no number of seconds`)
  const { profile } = value as { profile?: unknown }
  if (profile && !profileSchema(profile))
    problems.push(`the profile ${text}: ${JSON.stringify(profileSchema.errors)}`)
  return problems
}
