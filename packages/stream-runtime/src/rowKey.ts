/**
 * Keys of rows in the store and in the change logs: `<table>/<row key>`, or for a table of a family
 * `<family>/<row key>\0<letter>`, so that the family's rows of one row key lie side by side. Keys that begin with "!"
 * are the runtime's own; no table's name may.
 */
import type { TableSpec } from './processor.ts'

/** The task's meta: in the meta log only. */
export const META_KEY = '!meta'
/** First record of an incarnation in each of its change logs. */
export const CLAIM_KEY = '!claim'
/** `!floor/<table>`, value: a row key. Every row of the table up to and including it is deleted. */
export const FLOOR_PREFIX = '!floor/'

const TABLE_NAME = /^[a-z][a-zA-Z0-9-]{0,31}$/

/** LMDB takes keys of at most 1,978 bytes with its default pages; the table's name and the slash are in it. */
export const MAX_ROW_KEY_BYTES = 1_900

export function checkTableName(name: string): void {
  if (!TABLE_NAME.test(name))
    throw new Error(`table name "${name}": letters, digits and hyphens, beginning with a small letter`)
}

export function rowKey(table: string, key: string): string {
  return `${table}/${key}`
}

/** Between the key of a row and the letter of its table; less than any character a key may hold. */
export const END_OF_KEY = '\0'

type Named = Pick<TableSpec<never>, 'name' | 'family'>

/** How the rows of one table are called. */
export interface RowNames {
  row(key: string): string
  /** The key of a row between two rows of the table; undefined for a row of another table of its family. */
  keyOf(row: string): string | undefined
  /** Where the rows with keys from `key` on begin. */
  from(key: string): string
}

export function rowNames({ name, family }: Named): RowNames {
  const prefix = rowKey(family?.name ?? name, '')
  const start = prefix.length
  if (!family) {
    const row = (key: string): string => prefix + key
    return { row, keyOf: (each) => each.slice(start), from: row }
  }
  const suffix = END_OF_KEY + family.letter
  return {
    row: (key) => prefix + key + suffix,
    keyOf: (row) => (row.endsWith(suffix) ? row.slice(start, -suffix.length) : undefined),
    from: (key) => prefix + key,
  }
}

/** Key of the row with the empty key: no row of the table comes before it. */
export function tableStart(table: string): string {
  return rowKey(table, '')
}

/** First key behind every row of a table: "0" is the character after "/". */
export function tableEnd(table: string): string {
  return `${table}0`
}
