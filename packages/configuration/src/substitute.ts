/**
 * `${NAME}` and `${NAME:-otherwise}` inside texts, filled in by whoever runs the command (`--set NAME=VALUE`): the
 * address of a receiver differs between a laptop and a cluster, the rest of the document does not.
 *
 * Values are put into texts after the YAML was read, so none can bring keys of its own. Nothing is taken from the
 * environment. `$${` is a `${` that stays.
 */
import type { Finding, PathStep } from './check/checkSchema.ts'

export type Substitutions = ReadonlyMap<string, string>

const reference = /\$(\$\{)|\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}/g

export function substitute(
  value: unknown,
  substitutions: Substitutions,
  path: readonly PathStep[] = [],
): { value: unknown; findings: Finding[] } {
  const findings: Finding[] = []
  const fill = (each: unknown, at: readonly PathStep[]): unknown => {
    if (typeof each === 'string')
      return each.replaceAll(reference, (whole, escaped, name: string, otherwise?: string) => {
        if (escaped) return '${'
        const filled = substitutions.get(name) ?? otherwise
        if (filled === undefined)
          findings.push({ path: at, message: `\${${name}} has no value: give it with --set ${name}=…` })
        return filled ?? whole
      })
    if (Array.isArray(each)) return each.map((item, i) => fill(item, [...at, i]))
    if (typeof each === 'object' && each !== null)
      return Object.fromEntries(
        Object.entries(each).map(([key, member]) => [key, fill(member, [...at, key])]),
      )
    return each
  }
  return { value: fill(value, path), findings }
}
