import type { Finding, PathStep } from './checkSchema.ts'

/** Keys under which people write secrets. `file` beside or below them is the right way. */
const secretKey =
  /^(password|passphrase|secret|signing_?secret|api_?key|access_?token|token|private_?key|credentials?)$/i

/** Values that are secrets wherever they stand. */
const secretValues: readonly (readonly [RegExp, string])[] = [
  [/^whsec_/, 'a signing secret'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/^[a-z][a-z0-9+.-]*:\/\/[^/@\s:]*:[^/@\s]+@/i, 'an address with a password in it'],
]

const REMEDY =
  'secrets never stand in documents: put it in a file of the directory of secrets and write {file: <its name>}'

/** Secrets written inline. Documents are kept for ever and shown to many. */
export function findInlineSecrets(value: unknown, path: readonly PathStep[] = []): Finding[] {
  if (typeof value === 'string') {
    const kind = secretValues.find(([pattern]) => pattern.test(value))?.[1]
    if (kind !== undefined) return [{ path, message: `this is ${kind}; ${REMEDY}` }]
    // `token: {const: …}` and the like below a mapping are names of fields, not secrets: only the last key counts.
    const key = path.at(-1)
    return typeof key === 'string' && secretKey.test(key) && !path.some(isFieldMap)
      ? [{ path, message: `\`${key}\` is written inline; ${REMEDY}` }]
      : []
  }
  if (Array.isArray(value)) return value.flatMap((item, i) => findInlineSecrets(item, [...path, i]))
  if (typeof value !== 'object' || value === null) return []
  const record = value as Record<string, unknown>
  if (record['kind'] === 'secret' && typeof record['value'] === 'string')
    return [{ path: [...path, 'value'], atKey: true, message: `a secret key is written inline; ${REMEDY}` }]
  return Object.entries(record).flatMap(([key, member]) => findInlineSecrets(member, [...path, key]))
}

/** Below these, keys are names of fields that people chose. */
function isFieldMap(step: PathStep): boolean {
  return (
    step === 'properties' ||
    step === 'traits' ||
    step === 'fields' ||
    step === 'identifiers' ||
    step === 'context'
  )
}
