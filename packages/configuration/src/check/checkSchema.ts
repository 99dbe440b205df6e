/**
 * Checks a value against the model and says in a sentence what is wrong, and where.
 *
 * It reads the subset of JSON Schema the model is written in. A general validator answers a mistake inside one of
 * eleven alternatives with eleven lists of errors; this one decides first which alternative was meant, by the keys
 * that are there. That both agree on what is valid is tested against ajv.
 */
import { didYouMean, suggestion } from './suggestion.ts'

export type PathStep = string | number

export interface Finding {
  readonly path: readonly PathStep[]
  /** The key itself is what is wrong, not its value. */
  readonly atKey?: boolean
  readonly message: string
  /** Refused only because this version does not run it yet. */
  readonly notYet?: boolean
}

/** The keywords the model uses. */
export interface Schema {
  readonly type?: string
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly { readonly required: readonly string[] }[]
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Schema>>
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly minProperties?: number
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly description?: string
  readonly expects?: string
  readonly notYet?: string | undefined
  readonly defName?: string
}

type Defs = Readonly<Record<string, Schema>>

export function checkSchema(schema: Schema, value: unknown): Finding[] {
  const findings: Finding[] = []
  check(schema, value, [], {}, (finding) => findings.push(finding))
  return findings
}

function check(
  schema: Schema,
  value: unknown,
  path: readonly PathStep[],
  defs: Defs,
  report: (finding: Finding) => void,
): void {
  const known = schema.$defs ? { ...defs, ...schema.$defs } : defs
  if (schema.$ref !== undefined) return check(known[schema.$ref]!, value, path, known, report)
  if (schema.notYet !== undefined) return report({ path, atKey: true, message: notYet(schema), notYet: true })
  if (schema.anyOf) return checkAlternatives(schema, value, path, known, report)
  if (schema.const !== undefined) {
    if (value !== schema.const)
      report({ path, message: `must be ${written(schema.const)}, not ${written(value)}` })
    return
  }
  if (schema.type === undefined) return
  if (!isType(schema.type, value))
    return report({ path, message: `must be ${expected(schema)}, not ${written(value)}` })
  if (typeof value === 'string') checkText(schema, value, path, report)
  else if (typeof value === 'number') checkNumber(schema, value, path, report)
  else if (Array.isArray(value)) checkList(schema, value, path, known, report)
  else if (typeof value === 'object' && value !== null)
    checkObject(schema, value as Record<string, unknown>, path, known, report)
}

function notYet(schema: Schema): string {
  return `not yet: this version does not run ${schema.notYet}`
}

function checkAlternatives(
  schema: Schema,
  value: unknown,
  path: readonly PathStep[],
  defs: Defs,
  report: (finding: Finding) => void,
): void {
  const branches = schema.anyOf!
  if (isType('object', value)) {
    const objects = branches.filter((branch) => branch.type === 'object')
    if (objects.length > 0)
      return checkObjectAlternatives(objects, value as Record<string, unknown>, path, defs, report)
  }
  const fitting = branches.filter((branch) =>
    quietly({ ...branch, notYet: undefined }, value, defs).every((finding) => finding.notYet),
  )
  const best = fitting.find((branch) => branch.notYet === undefined) ?? fitting[0]
  if (best) return check(best, value, path, defs, report)
  const lists = branches.filter((branch) => branch.type === 'array')
  if (Array.isArray(value) && lists.length === 1) return check(lists[0]!, value, path, defs, report)
  const constants = branches
    .filter((branch) => branch.const !== undefined)
    .map((branch) => String(branch.const))
  if (typeof value === 'string' && constants.length === branches.length) {
    const meant = suggestion(value, constants)
    const running = branches
      .filter((branch) => branch.notYet === undefined)
      .map((branch) => String(branch.const))
    return report({
      path,
      message: `must be one of ${running.join(', ')}, not ${written(value)}${meant === undefined ? '' : `: did you mean \`${meant}\`?`}`,
    })
  }
  report({ path, message: `must be ${expected(schema)}, not ${written(value)}` })
}

function quietly(schema: Schema, value: unknown, defs: Defs): Finding[] {
  const findings: Finding[] = []
  check(schema, value, [], defs, (finding) => findings.push(finding))
  return findings
}

/** What tells an alternative from the others: a key with one fixed value, else the first key it must have. */
function markOf(branch: Schema): string | undefined {
  return branch.required?.find((key) => branch.properties?.[key]?.const !== undefined) ?? branch.required?.[0]
}

function checkObjectAlternatives(
  branches: readonly Schema[],
  value: Record<string, unknown>,
  path: readonly PathStep[],
  defs: Defs,
  report: (finding: Finding) => void,
): void {
  if (branches.length === 1) return check(branches[0]!, value, path, defs, report)
  const marks = branches.map(markOf)
  const fixed = branches.every((branch, i) => branch.properties?.[marks[i]!]?.const !== undefined)
  const named = branches.filter((branch, i) => {
    const mark = marks[i]
    return (
      mark !== undefined &&
      Object.hasOwn(value, mark) &&
      (!fixed || branch.properties![mark]!.const === value[mark])
    )
  })
  const first = named[0]
  if (first === undefined) {
    if (fixed && marks[0] !== undefined && Object.hasOwn(value, marks[0])) {
      const allowed = branches.map((branch, i) => String(branch.properties![marks[i]!]!.const))
      return report({
        path: [...path, marks[0]],
        message: `must be one of ${allowed.join(', ')}, not ${written(value[marks[0]])}`,
      })
    }
    // A branch without required keys (a map of texts, say) takes what no mark claims.
    const open = branches.find((_, i) => marks[i] === undefined)
    if (open) return check(open, value, path, defs, report)
    const wanted = [...new Set(marks.filter((mark) => mark !== undefined))]
    for (const key of Object.keys(value)) {
      const meant = suggestion(key, wanted)
      if (meant !== undefined)
        return report({
          path: [...path, key],
          atKey: true,
          message: `unknown key \`${key}\`: did you mean \`${meant}\`?`,
        })
    }
    return report({ path, message: `needs one of the keys ${wanted.join(', ')}` })
  }
  if (named.length > 1 && !fixed) {
    const both = named.map(markOf) as string[]
    return report({
      path: [...path, both[1]!],
      atKey: true,
      message: `\`${both[0]}\` and \`${both[1]}\` cannot stand together: write one entry for each`,
    })
  }
  if (first.notYet !== undefined)
    return report({ path: [...path, markOf(first)!], atKey: true, message: notYet(first), notYet: true })
  check(first, value, path, defs, report)
}

function checkObject(
  schema: Schema,
  value: Record<string, unknown>,
  path: readonly PathStep[],
  defs: Defs,
  report: (finding: Finding) => void,
): void {
  const properties = schema.properties ?? {}
  const patterns = Object.entries(schema.patternProperties ?? {})
  for (const [key, member] of Object.entries(value)) {
    const at = [...path, key]
    const property = Object.hasOwn(properties, key)
      ? properties[key]
      : patterns.find(([pattern]) => new RegExp(pattern, 'u').test(key))?.[1]
    if (property) check(property, member, at, defs, report)
    else if (patterns.length > 0)
      report({ path: at, atKey: true, message: `\`${key}\` is no name that can stand here` })
    else if (schema.additionalProperties === false) {
      const free = Object.keys(properties).filter((each) => each !== '$schema' && !Object.hasOwn(value, each))
      report({ path: at, atKey: true, message: `unknown key \`${key}\`${didYouMean(key, free)}` })
    }
  }
  for (const key of schema.required ?? [])
    if (!Object.hasOwn(value, key)) {
      const what = properties[key]?.description
      report({ path, message: `needs the key \`${key}\`${what === undefined ? '' : ` (${lowered(what)})`}` })
    }
  if (schema.minProperties !== undefined && Object.keys(value).length < schema.minProperties)
    report({ path, message: `needs at least one of ${Object.keys(properties).join(', ')}` })
  if (schema.oneOf) checkExactlyOne(schema.oneOf, value, path, report)
}

function checkExactlyOne(
  alternatives: readonly { readonly required: readonly string[] }[],
  value: Record<string, unknown>,
  path: readonly PathStep[],
  report: (finding: Finding) => void,
): void {
  const keys = alternatives.map((each) => each.required[0]!)
  const there = keys.filter((key) => Object.hasOwn(value, key))
  if (there.length === 0) report({ path, message: `needs one of the keys ${keys.join(', ')}` })
  if (there.length > 1)
    report({
      path: [...path, there[1]!],
      atKey: true,
      message: `\`${there[0]}\` and \`${there[1]}\` cannot stand together: one of ${keys.join(', ')}`,
    })
}

function checkList(
  schema: Schema,
  value: readonly unknown[],
  path: readonly PathStep[],
  defs: Defs,
  report: (finding: Finding) => void,
): void {
  if (value.length < (schema.minItems ?? 0))
    report({ path, message: `needs at least ${counted(schema.minItems!, 'entry', 'entries')}` })
  if (value.length > (schema.maxItems ?? Infinity))
    report({ path, message: `has ${value.length} entries; at most ${schema.maxItems} are allowed` })
  const seen = new Set<string>()
  for (const [i, item] of value.entries()) {
    if (schema.items) check(schema.items, item, [...path, i], defs, report)
    if (!schema.uniqueItems) continue
    const text = JSON.stringify(item)
    if (seen.has(text)) report({ path: [...path, i], message: `${written(item)} stands here twice` })
    seen.add(text)
  }
}

function checkText(
  schema: Schema,
  value: string,
  path: readonly PathStep[],
  report: (finding: Finding) => void,
): void {
  // Length in code points, as JSON Schema counts.
  const length = Array.from(value).length
  if (length > (schema.maxLength ?? Infinity))
    report({ path, message: `has ${length} characters; at most ${schema.maxLength} are allowed` })
  else if (length < (schema.minLength ?? 0)) report({ path, message: 'must not be empty' })
  else if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value))
    report({ path, message: `must be ${expected(schema)}, not ${written(value)}` })
}

function checkNumber(
  schema: Schema,
  value: number,
  path: readonly PathStep[],
  report: (finding: Finding) => void,
): void {
  if (schema.minimum !== undefined && value < schema.minimum)
    report({ path, message: `must be at least ${schema.minimum}, not ${value}` })
  else if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum)
    report({ path, message: `must be more than ${schema.exclusiveMinimum}, not ${value}` })
  else if (schema.maximum !== undefined && value > schema.maximum)
    report({ path, message: `must be at most ${schema.maximum}, not ${value}` })
}

function isType(type: string, value: unknown): boolean {
  switch (type) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'array':
      return Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

const typeNames: Readonly<Record<string, string>> = {
  object: 'a map of keys',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
}

function expected(schema: Schema): string {
  if (schema.expects !== undefined) return schema.expects
  if (schema.const !== undefined) return written(schema.const)
  if (schema.anyOf)
    return [...new Set(schema.anyOf.filter((branch) => branch.notYet === undefined).map(expected))].join(
      ' or ',
    )
  return typeNames[schema.type ?? ''] ?? 'something else'
}

/** A value as it is shown in a message: short, and on one line. */
export function written(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map of keys'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

function lowered(sentence: string): string {
  const first = sentence.split('. ')[0]!.replace(/\.$/, '')
  // "IANA zone" stays as it is.
  return /^[A-Z][A-Z]/.test(first) ? first : first.charAt(0).toLowerCase() + first.slice(1)
}

function counted(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`
}
