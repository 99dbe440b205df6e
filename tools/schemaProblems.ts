/**
 * Whether a JSON Schema of what we write still promises readers what an older one did: fields are only ever added.
 *
 *  S1. What was required stays required, what had a type keeps it, and no new value is added to an enum: a reader that
 *      was right yesterday is right today.
 *  S2. What may be added: fields, also required ones; and every description may change.
 */
type Schema = Readonly<Record<string, unknown>>

/** Keywords that must stay as they are; of the others only what S1 names is compared. */
const FIXED = ['$ref', 'const', 'pattern', 'format', 'contentEncoding']

export function schemaProblems(before: unknown, now: unknown, path = ''): string[] {
  if (!isSchema(before)) return []
  const at = path === '' ? 'the schema' : path
  if (!isSchema(now)) return [`${at} is gone`]
  const problems: string[] = []
  for (const keyword of FIXED)
    if (keyword in before && before[keyword] !== now[keyword]) problems.push(`${at} has another ${keyword}`)
  if ('type' in before && !subset(now['type'], before['type'])) problems.push(`${at} may have another type`)
  if ('enum' in before && !subset(now['enum'], before['enum'])) problems.push(`${at} may have new values`)
  if (!subset(before['required'] ?? [], now['required'] ?? []))
    problems.push(`${at} no longer requires what it did`)
  for (const keyword of ['properties', '$defs'])
    for (const [key, schema] of Object.entries((before[keyword] ?? {}) as Schema))
      problems.push(...schemaProblems(schema, (now[keyword] as Schema | undefined)?.[key], `${path}/${key}`))
  for (const keyword of ['items', 'additionalProperties'])
    problems.push(...schemaProblems(before[keyword], now[keyword], `${path}/*`))
  const [older, newer] = [before['oneOf'], now['oneOf']] as (readonly unknown[] | undefined)[]
  if (older && older.length !== newer?.length) problems.push(`${at} has other alternatives`)
  else older?.forEach((each, i) => problems.push(...schemaProblems(each, newer?.[i], `${path}|${i}`)))
  return problems
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An absent type or enum allows everything. */
function subset(part: unknown, whole: unknown): boolean {
  const all = listed(whole)
  return part !== undefined && listed(part).every((each) => all.includes(each))
}

function listed(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value]
}
