/**
 * Takes personal and secret values out of what is logged.
 *
 * Invariants:
 *  R1. The value of a key that names something personal or secret is never logged, at any depth.
 *  R2. Text that looks like an e-mail address, a bearer token or a signing secret is never logged, wherever it stands.
 *  R3. Nothing that is logged can make logging fail: bigint, Error, cycles, depth and getters that throw.
 */
export const REDACTED = '[redacted]'

/** Compared without case, "-" and "_". */
const SECRET_KEYS = new Set(
  [
    [
      'writekey',
      'xwritekey',
      'apikey',
      'workspacekey',
      'authorization',
      'proxyauthorization',
      'cookie',
      'setcookie',
    ],
    [
      'token',
      'accesstoken',
      'refreshtoken',
      'idtoken',
      'bearer',
      'grpctoken',
      'password',
      'passwd',
      'passphrase',
    ],
    [
      'secret',
      'secrets',
      'clientsecret',
      'signingsecret',
      'webhooksignature',
      'sasl',
      'credentials',
      'privatekey',
    ],
    [
      'email',
      'mail',
      'emailaddress',
      'phone',
      'phonenumber',
      'mobile',
      'ip',
      'ipaddress',
      'remoteaddress',
      'clientip',
    ],
    ['traits', 'properties', 'payload', 'body', 'raw', 'useragent'],
  ].flat(),
)

const MAX_DEPTH = 8
/** A log line is read by people; a longer list says nothing more. */
const MAX_ITEMS = 50

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // Bounded repetitions: a log line may hold hostile text, and must not cost more than its length.
  [/[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,63}\b/g, REDACTED],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}/gi, `$1 ${REDACTED}`],
  [/\bwhsec_[A-Za-z0-9+/=_-]+/g, REDACTED],
  [/([?&]writeKey=)[^&\s"]+/gi, `$1${REDACTED}`],
]

/** R2, on a whole line of text. */
export function redactText(line: string): string {
  let out = line
  for (const [pattern, replacement] of PATTERNS) out = out.replace(pattern, replacement)
  return out
}

/** R1 and R3: a copy that is safe to serialise. */
export function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return copyObject(fields, 0, new Set())
}

function copyObject(source: object, depth: number, seen: Set<object>): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  seen.add(source)
  const isIdentifier = 'type' in source && 'value' in source
  let items = 0
  for (const key of Object.keys(source)) {
    if (++items > MAX_ITEMS) {
      out['…'] = `${Object.keys(source).length - MAX_ITEMS} more`
      break
    }
    if (SECRET_KEYS.has(key.toLowerCase().replaceAll(/[-_]/g, '')) || (isIdentifier && key === 'value')) {
      out[key] = REDACTED
      continue
    }
    try {
      out[key] = copyValue((source as Record<string, unknown>)[key], depth + 1, seen)
    } catch {
      out[key] = '[unreadable]'
    }
  }
  seen.delete(source)
  return out
}

function copyValue(value: unknown, depth: number, seen: Set<object>): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString()
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (seen.has(value)) return '[cycle]'
  if (depth > MAX_DEPTH) return '[deep]'
  if (value instanceof Error) return copyError(value, depth, seen)
  if (value instanceof Map) return copyObject(Object.fromEntries(value), depth, seen)
  if (value instanceof Set) return copyArray([...value], depth, seen)
  if (Array.isArray(value)) return copyArray(value, depth, seen)
  return copyObject(value, depth, seen)
}

function copyArray(values: readonly unknown[], depth: number, seen: Set<object>): unknown[] {
  seen.add(values)
  const out = values.slice(0, MAX_ITEMS).map((item) => copyValue(item, depth + 1, seen))
  if (values.length > MAX_ITEMS) out.push(`… ${values.length - MAX_ITEMS} more`)
  seen.delete(values)
  return out
}

function copyError(error: Error, depth: number, seen: Set<object>): Record<string, unknown> {
  seen.add(error)
  const own = copyObject(Object.fromEntries(Object.entries(error)), depth, seen)
  const out = {
    ...own,
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: copyValue(error.cause, depth + 1, seen) }),
    ...(error instanceof AggregateError ? { errors: copyArray(error.errors, depth + 1, seen) } : {}),
  }
  seen.delete(error)
  return out
}
