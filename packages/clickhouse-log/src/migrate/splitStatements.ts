/** The statements of a migration file: cut at semicolons outside strings, quoted names and comments. */
export function splitStatements(sql: string): string[] {
  const statements: string[] = []
  let current = ''
  let at = 0
  while (at < sql.length) {
    const rest = sql.slice(at)
    const part = PARTS.exec(rest)![0]
    at += part.length
    if (part === ';') {
      statements.push(current.trim())
      current = ''
    } else if (!part.startsWith('--') && !part.startsWith('/*')) {
      current += part
    }
  }
  statements.push(current.trim())
  return statements.filter((statement) => statement !== '')
}

/** One comment, string, quoted name, semicolon or other character. */
const PARTS = /^(?:--[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|''|[^'\\])*'|`(?:\\[\s\S]|[^`\\])*`|[\s\S])/
