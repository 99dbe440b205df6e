/**
 * A server takes 128 KiB per parameter (`http_max_field_value_size`), some 3,700 ids. A longer list travels in several
 * parameters that the query puts together again.
 */

/** Characters of one parameter, escapes counted. */
const MAX_PARAM_SIZE = 100 * 1024

export interface Question {
  readonly sql: string
  readonly params: Readonly<Record<string, unknown>>
}

export function splitLongParams({ sql, params }: Question): Question {
  let split = sql
  const all: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(params)) {
    const parts = Array.isArray(value) ? partsOf(value) : []
    if (parts.length < 2) {
      all[name] = value
      continue
    }
    split = split.replaceAll(
      new RegExp(`\\{${name}:(Array\\([^}]+\\))\\}`, 'g'),
      (_whole, type: string) =>
        `arrayConcat(${parts.map((_part, i) => `{${name}_part_${i}:${type}}`).join(', ')})`,
    )
    for (const [i, part] of parts.entries()) all[`${name}_part_${i}`] = part
  }
  return { sql: split, params: all }
}

function partsOf(values: readonly unknown[]): unknown[][] {
  const parts: unknown[][] = []
  let size = Infinity
  for (const value of values) {
    const more = sizeOf(value)
    if (size + more > MAX_PARAM_SIZE) {
      parts.push([])
      size = 0
    }
    parts.at(-1)!.push(value)
    size += more
  }
  return parts
}

/** As it is sent: quoted and escaped, with a comma. JSON escapes all but the quote that ClickHouse uses. */
function sizeOf(value: unknown): number {
  const text = JSON.stringify(value)
  return Buffer.byteLength(text) + (text.split("'").length - 1) + 1
}
