/** Rows of the shop's customer table, as Debezium tells of them: made, deleted (which erases), made again. */

/** Key and value of a record; a tombstone follows a deletion. */
export type TableRecord = readonly [key: string, value: string | null]

export const CUSTOMERS = ['c1', 'c2', 'c3', 'c4']
/** Of these the rows are deleted. */
export const DELETED = ['c1', 'c2']
/** Of this one a row is made again afterwards. */
export const RETURNS = 'c1'

function rowOf(id: string): {
  readonly id: string
  readonly email: string
  readonly first_name: string
} {
  return { id, email: `${id}@shop.example`, first_name: `Customer ${id}` }
}

/** `lsn`: ascending; the same change has the same. */
export function changeOf(op: 'c' | 'd', id: string, lsn: number): TableRecord[] {
  const row = rowOf(id)
  const key = JSON.stringify({ id })
  const source = { connector: 'postgresql', name: 'crm', db: 'crm', table: 'customers', lsn, ts_ms: 1 }
  const [before, after] = op === 'd' ? [row, null] : [null, row]
  const value = JSON.stringify({ op, before, after, source })
  return op === 'd'
    ? [
        [key, value],
        [key, null],
      ]
    : [[key, value]]
}

/** What a customer does in the shop: logged in, on a device of their own. */
export function visitOf(id: string, n: number): Record<string, unknown> {
  return {
    type: 'track',
    event: 'Order Completed',
    messageId: `${id}-visit-${n}`,
    userId: id,
    anonymousId: `device-${id}`,
    timestamp: new Date(Date.UTC(2026, 0, 4) + n * 60_000).toISOString(),
    properties: { total: n + 1 },
  }
}
