/**
 * What an SQLSTATE means for the row and for its destination. Pure; one table, by the code or by its class.
 *
 * | code or class                                                 | meaning                                        |
 * |---------------------------------------------------------------|------------------------------------------------|
 * | 57014                                                         | it took too long                               |
 * | 28, 42501                                                     | signing in, or writing to the table, is refused |
 * | 3D, 3F, 42, 0A                                                | the database, table or a column is not as it should be |
 * | 21, 22, 23, 44, 54, P0                                        | this row does not fit the table                |
 * | 08, 25, 40, 53, 55, 57, 58, XX and all others                 | may work later                                 |
 */
import type { Answer, FailureCode } from '../delivery/classify.ts'

/** What the database said; its own words may hold values, so they are left out. */
export interface DatabaseError {
  /** SQLSTATE, five characters. */
  readonly code: string
  readonly table?: string | undefined
  readonly column?: string | undefined
  readonly constraint?: string | undefined
}

const MEANING: Readonly<Record<string, readonly [FailureCode, string]>> = {
  '57014': ['TIMEOUT', 'the statement took too long'],
  '42501': ['NOT_AUTHORISED', 'the user may not write there: grant SELECT, INSERT, UPDATE and DELETE'],
  '28': ['NOT_AUTHORISED', 'the server refuses to let the user in: see its name and password'],
  '3D': ['DATABASE_REFUSED', 'there is no such database'],
  '3F': ['DATABASE_REFUSED', 'there is no such schema'],
  '42P01': ['DATABASE_REFUSED', 'there is no such table: create it'],
  '42703': [
    'DATABASE_REFUSED',
    'a column is missing: each field of the sync needs one, as do profile_id, version, present and merged_into',
  ],
  '42P10': ['DATABASE_REFUSED', 'profile_id must be the primary key, or unique'],
  '42': ['DATABASE_REFUSED', 'the table is not as it should be'],
  '0A': ['DATABASE_REFUSED', 'the server does not know such statements: PostgreSQL 12 or newer is needed'],
  '21': ['ROW_REFUSED', 'the row does not fit the table'],
  '22': ['ROW_REFUSED', 'a value does not fit its column'],
  '23': ['ROW_REFUSED', 'the row breaks a rule of the table'],
  '44': ['ROW_REFUSED', 'the row breaks a rule of the view'],
  '54': ['ROW_REFUSED', 'the row is larger than the table takes'],
  P0: ['ROW_REFUSED', 'a trigger of the table refuses the row'],
}

export function answerOfSqlState({ code, column, constraint }: DatabaseError): Answer {
  const [failure, text] = MEANING[code] ??
    MEANING[code.slice(0, 2)] ?? ['DATABASE_UNAVAILABLE', 'the database did not take it']
  const where = [column && `column ${column}`, constraint && `constraint ${constraint}`].filter(Boolean)
  return {
    kind: 'failure',
    code: failure,
    message: `${text} (${[`SQLSTATE ${code}`, ...where].join(', ')})`,
  }
}
