/** ClickHouse's errors as its HTTP interface gives them: code, status, text. */

const CODE = /Code:\s*(\d+)\.\s*DB::/

/** The engine's message is `Code: N. DB::Exception: … (NAME)`; anything else is our own fault and gets 1001. */
export function exceptionOf(error: unknown): { code: number; status: number; text: string } {
  const message = error instanceof Error ? error.message : String(error)
  const found = CODE.exec(message)
  if (!found) {
    const text = `Code: 1001. DB::Exception: ${message}. (STD_EXCEPTION)`
    return { code: 1001, status: 500, text }
  }
  const code = Number(found[1])
  return { code, status: STATUS.get(code) ?? 500, text: message.slice(found.index) }
}

/** How a server maps its codes to HTTP statuses; everything else is 500. */
const STATUS = new Map<number, number>([
  ...[194].map((code): [number, number] => [code, 401]), // REQUIRED_PASSWORD
  ...[192, 193, 497, 516].map((code): [number, number] => [code, 403]), // users and access
  // CANNOT_PARSE_*, SYNTAX_ERROR, TYPE_MISMATCH and their like: the request is wrong.
  ...[6, 26, 27, 33, 38, 41, 43, 53, 62, 69, 70, 72, 117, 130, 131, 321, 456, 457].map(
    (code): [number, number] => [code, 400],
  ),
  // UNKNOWN_TABLE, _DATABASE, _IDENTIFIER, _FUNCTION, _SETTING, _FORMAT …: what it names does not exist.
  ...[46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 511].map((code): [number, number] => [code, 404]),
  [159, 408], // TIMEOUT_EXCEEDED
  [223, 413], // QUERY_IS_TOO_LARGE
  [48, 501], // NOT_IMPLEMENTED
  [202, 503], // TOO_MANY_SIMULTANEOUS_QUERIES
])

/**
 * An error after the first rows have gone out: the answer's end carries it between two markers with the tag that
 * the header X-ClickHouse-Exception-Tag announced (servers since 25.11; `@clickhouse/client` turns it into an error).
 */
export function exceptionInStream(text: string, tag: string): string {
  const message = `${text}\n`
  return `\r\n__exception__\r\n${tag}\r\n${message}${Buffer.byteLength(message)} ${tag}\r\n__exception__\r\n`
}
