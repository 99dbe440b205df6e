/** The statements that put a fresh engine connection into the state one HTTP request asks for. Pure. */
import type { FrontRequest } from './readRequest.ts'

const SETTING_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Throws what a server says about a setting whose name cannot be one. */
export function preamble(request: FrontRequest): string[] {
  const statements: string[] = []
  if (request.database !== undefined) statements.push(`USE ${quoteIdentifier(request.database)}`)
  const assignments: string[] = []
  for (const [name, value] of request.settings) {
    if (!SETTING_NAME.test(name)) {
      throw new Error(`Code: 115. DB::Exception: Unknown setting '${name}'. (UNKNOWN_SETTING)`)
    }
    assignments.push(`${name} = ${quoteString(value)}`)
  }
  for (const [name, value] of request.parameters) {
    if (!SETTING_NAME.test(name)) {
      throw new Error(`Code: 36. DB::Exception: Parameter name '${name}' is not valid. (BAD_ARGUMENTS)`)
    }
    // The engine reads a parameter's text as escaped text of its type, exactly as a server reads the URL's.
    // One statement each, and before anything may set readonly: a server holds each by itself to its limit.
    statements.push(`SET param_${name} = ${quoteString(value)}`)
  }
  if (request.readonly && !request.settings.has('readonly')) assignments.push('readonly = 2')
  if (assignments.length > 0) statements.push(`SET ${assignments.join(', ')}`)
  return statements
}

/** What a session's connection must forget after a request: settings in the URL are for that request only. */
export function resetStatement(request: FrontRequest): string | undefined {
  const names = [...request.settings.keys()]
  if (request.readonly && !request.settings.has('readonly')) names.push('readonly')
  return names.length === 0 ? undefined : `SET ${names.map((name) => `${name} = DEFAULT`).join(', ')}`
}

export function quoteString(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`
}

function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}
