/**
 * Typed process settings: environment variables, read once, all mistakes reported together.
 *
 * Invariants:
 *  S1. Reading a specification with k mistakes reports k problems, never only the first one.
 *  S2. A problem names the variable, says what is wrong and what to set; it never repeats a value, which may be secret.
 *  S3. An empty variable is an unset one: Kubernetes and compose write `NAME=` for "not given".
 */
export interface Setting<T> {
  /** For people: "text", "integer", "true | false", "a | b". */
  readonly type: string
  readonly unit?: string
  /** One sentence. */
  readonly about: string
  /** Absent = required. */
  readonly fallback?: { readonly value: T }
  parse(text: string): Parsed<T>
  /** Looks at all values read so far and says what is wrong with this one among them. */
  readonly check?: (values: Readonly<Record<string, unknown>>) => string | undefined
}

export type Parsed<T> = { readonly value: T } | { readonly problem: string }

// oxlint-disable-next-line typescript/no-explicit-any -- the only type every Setting<T> is assignable to
export type SettingsSpec = Readonly<Record<string, Setting<any>>>

export type SettingsOf<S extends SettingsSpec> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never
}

interface Common<T> {
  readonly about: string
  readonly unit?: string
  readonly default?: T
  /** Unset gives undefined. */
  readonly optional?: true
  readonly check?: (values: Readonly<Record<string, unknown>>) => string | undefined
}

type ValueOf<T, O> = O extends { optional: true } ? T | undefined : T

function make<T, O extends Common<T>>(
  type: string,
  options: O,
  parse: (text: string) => Parsed<T>,
): Setting<ValueOf<T, O>> {
  const fallback =
    options.default !== undefined
      ? { fallback: { value: options.default } }
      : options.optional
        ? { fallback: { value: undefined } }
        : {}
  return {
    type,
    about: options.about,
    ...(options.unit === undefined ? {} : { unit: options.unit }),
    ...fallback,
    parse,
    ...(options.check ? { check: options.check } : {}),
  } as Setting<ValueOf<T, O>>
}

export function text<const O extends Common<string>>(options: O): Setting<ValueOf<string, O>> {
  return make<string, O>('text', options, (value) => ({ value }))
}

/** Comma-separated; white space around the items is dropped. */
export function list<const O extends Common<readonly string[]>>(
  options: O,
): Setting<ValueOf<readonly string[], O>> {
  return make<readonly string[], O>('list, by commas', options, (raw) => {
    const value = raw
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
    return value.length > 0 ? { value } : { problem: 'holds no item; set at least one, separated by commas' }
  })
}

export function integer<const O extends Common<number> & { min?: number; max?: number }>(
  options: O,
): Setting<ValueOf<number, O>> {
  const min = options.min ?? 0
  const max = options.max ?? Number.MAX_SAFE_INTEGER
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return make<number, O>('integer', options, (raw) => {
    const value = /^-?\d+$/.test(raw) ? Number(raw) : Number.NaN
    return Number.isSafeInteger(value) && value >= min && value <= max
      ? { value }
      : { problem: `is not a whole number ${range}; set one${options.unit ? ` (in ${options.unit})` : ''}` }
  })
}

/** 0 = any free port. */
export function port<const O extends Common<number>>(options: O): Setting<ValueOf<number, O>> {
  return integer({ ...options, min: 0, max: 65_535 }) as Setting<ValueOf<number, O>>
}

export function flag<const O extends Common<boolean>>(options: O): Setting<ValueOf<boolean, O>> {
  return make<boolean, O>('true | false', options, (raw) => {
    const word = raw.toLowerCase()
    if (word === 'true' || word === '1') return { value: true }
    if (word === 'false' || word === '0') return { value: false }
    return { problem: 'is neither true nor false; set one of them' }
  })
}

export function choice<const V extends readonly string[], const O extends Common<V[number]>>(
  values: V,
  options: O,
): Setting<ValueOf<V[number], O>> {
  return make<V[number], O>(values.join(' | '), options, (raw) => {
    const found = values.find((value) => value === raw.toLowerCase())
    return found === undefined
      ? { problem: `is not known; set one of ${values.join(', ')}` }
      : { value: found }
  })
}

/** All that is wrong with the settings, one line each. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly code = 'SETTINGS_INVALID'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`${problems.length} of the settings cannot be used: ${problems.join('; ')}`)
    this.problems = problems
  }
}

/** Says in the type checker and in the code that this is a specification; checks the names. */
export function defineSettings<const S extends SettingsSpec>(spec: S): S {
  for (const name of Object.keys(spec)) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name)) throw new Error(`"${name}" is no name for an environment variable`)
  }
  return spec
}

/** Throws one SettingsError that holds every problem (S1). */
export function readSettings<const S extends SettingsSpec>(
  spec: S,
  env: Readonly<Record<string, string | undefined>>,
): SettingsOf<S> {
  const values: Record<string, unknown> = {}
  const problems: string[] = []
  const broken = new Set<string>()
  for (const [name, setting] of Object.entries(spec)) {
    const raw = env[name]?.trim() ?? ''
    if (raw === '') {
      if (setting.fallback) values[name] = setting.fallback.value
      else {
        broken.add(name)
        problems.push(`${name} is not set; set it to: ${setting.about}`)
      }
      continue
    }
    const parsed = setting.parse(raw)
    if ('value' in parsed) values[name] = parsed.value
    else {
      broken.add(name)
      problems.push(`${name} ${parsed.problem}`)
    }
  }
  for (const [name, setting] of Object.entries(spec)) {
    const problem = broken.has(name) ? undefined : setting.check?.(values)
    if (problem !== undefined) problems.push(`${name} ${problem}`)
  }
  if (problems.length > 0) throw new SettingsError(problems)
  return values as SettingsOf<S>
}

/** A Markdown table of the settings, for the reference. */
export function settingsTable(spec: SettingsSpec): string {
  const rows = Object.entries(spec).map(([name, setting]) => {
    const type = setting.type.replaceAll('|', '\\|') + (setting.unit ? `, ${setting.unit}` : '')
    const fallback = setting.fallback
      ? setting.fallback.value === undefined
        ? '–'
        : `\`${String(setting.fallback.value)}\``
      : '**required**'
    return `| \`${name}\` | ${type} | ${fallback} | ${setting.about} |`
  })
  return ['| name | type | default | what it is |', '|---|---|---|---|', ...rows].join('\n')
}
