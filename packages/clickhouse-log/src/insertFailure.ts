/**
 * What a failed insert means. Only one thing may set a row aside: that ClickHouse has read the batch and says that
 * the rows themselves are wrong. Everything else, also everything unknown, is waited out with the batch as it is.
 */
import { ClickHouseError } from '@clickhouse/client'

export type InsertFailure =
  /** The rows are wrong: bisect. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The server is away, busy, or not set up: the same batch again later. */
  | { readonly kind: 'unavailable'; readonly reason: string }

/**
 * Codes of ClickHouse that speak of the rows. Source: src/Common/ErrorCodes.cpp of ClickHouse. Not among them, though
 * a smaller batch might help: memory limits and TOO_MANY_PARTS, which say something about the server and pass.
 */
const ABOUT_ROWS: ReadonlyMap<number, string> = new Map([
  [6, 'CANNOT_PARSE_TEXT'],
  [26, 'CANNOT_PARSE_QUOTED_STRING'],
  [27, 'CANNOT_PARSE_INPUT_ASSERTION_FAILED'],
  [32, 'ATTEMPT_TO_READ_AFTER_EOF'],
  [33, 'CANNOT_READ_ALL_DATA'],
  [38, 'CANNOT_PARSE_DATE'],
  [41, 'CANNOT_PARSE_DATETIME'],
  [69, 'ARGUMENT_OUT_OF_BOUND'],
  [70, 'CANNOT_CONVERT_TYPE'],
  [72, 'CANNOT_PARSE_NUMBER'],
  [117, 'INCORRECT_DATA'],
  [128, 'TOO_LARGE_ARRAY_SIZE'],
  [131, 'TOO_LARGE_STRING_SIZE'],
  [190, 'SIZES_OF_ARRAYS_DONT_MATCH'],
  [321, 'VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE'],
  [349, 'CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN'],
  [469, 'VIOLATED_CONSTRAINT'],
])

/** What to do about the failures that are somebody's mistake rather than an outage. */
const REMEDIES: ReadonlyMap<number, string> = new Map([
  [16, 'a column is missing: run `tributary migrate`'],
  [60, 'a table is missing: run `tributary migrate`'],
  [81, 'the database is missing: run `tributary migrate`'],
  [192, 'the user is unknown: check CLICKHOUSE_USER'],
  [193, 'the password is wrong: check CLICKHOUSE_PASSWORD_FILE'],
  [194, 'a password is required: set CLICKHOUSE_PASSWORD_FILE'],
  [497, 'the user may not insert: grant INSERT on the database'],
  [516, 'user or password is wrong: check CLICKHOUSE_USER and CLICKHOUSE_PASSWORD_FILE'],
])

export function insertFailureOf(error: unknown): InsertFailure {
  if (!(error instanceof ClickHouseError)) {
    return { kind: 'unavailable', reason: `ClickHouse does not answer: ${reasonOf(error)}` }
  }
  const code = Number(error.code)
  const about = ABOUT_ROWS.get(code)
  if (about) return { kind: 'refused', reason: `${about}: ${firstLine(error.message)}` }
  const remedy = REMEDIES.get(code)
  const reason = `ClickHouse answers ${error.type ?? 'an error'} (${error.code}): ${firstLine(error.message)}`
  return { kind: 'unavailable', reason: remedy === undefined ? reason : `${remedy} (${error.code})` }
}

/** ClickHouse quotes the rows it could not read after the first line; they may hold personal values. */
function firstLine(message: string): string {
  // 300 characters: a sentence and a column's name.
  return (message.split('\n', 1)[0] ?? '').slice(0, 300)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message !== '') return error.message
  return (error as NodeJS.ErrnoException).code ?? error.name
}
