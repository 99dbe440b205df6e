/** A table in memory that keeps the promises of LogStore, and refuses and misreads the rows it is told to. */
import type { LogRecord } from '../rows/logTable.ts'
import type { LogStore, StoreOutcome } from '../writer/ports.ts'
import { type Range, type RangePlace, tokenOf } from '../writer/range.ts'

export interface StoredRow {
  offset: number
  gap: number
  reason?: string
}

export class FakeLogStore implements LogStore {
  /** By partition: every row as it was stored, doubles included. */
  readonly rows = new Map<string, StoredRow[]>()
  readonly #tokens = new Set<string>()
  readonly #isBad: (record: LogRecord) => boolean
  readonly #isUnreadable: (record: LogRecord) => boolean

  constructor(
    isBad: (record: LogRecord) => boolean = () => false,
    isUnreadable: (record: LogRecord) => boolean = () => false,
  ) {
    this.#isBad = isBad
    this.#isUnreadable = isUnreadable
  }

  store(place: RangePlace, range: Range): Promise<StoreOutcome> {
    const readable = range.records.filter((record) => !this.#isUnreadable(record))
    if (readable.some(this.#isBad)) {
      const held = this.rowsOf(place).some(({ offset }) => offset >= range.first && offset <= range.last)
      return Promise.resolve(
        held ? { kind: 'stored', unreadable: 0 } : { kind: 'refused', reason: 'a bad row' },
      )
    }
    this.#insert('table', place, range, readable)
    const unreadable = range.records.filter(this.#isUnreadable)
    this.#insert('quarantine', place, range, unreadable, 'unreadable')
    return Promise.resolve({ kind: 'stored', unreadable: unreadable.length })
  }

  quarantine(place: RangePlace, range: Range, reason: string): Promise<StoreOutcome> {
    this.#insert('quarantine', place, range, range.records, reason)
    return Promise.resolve({ kind: 'stored', unreadable: range.records.length })
  }

  highestOffset(place: RangePlace): Promise<number | undefined> {
    const rows = this.rowsOf(place)
    return Promise.resolve(rows.length === 0 ? undefined : Math.max(...rows.map((row) => row.offset)))
  }

  rowsOf(place: RangePlace): StoredRow[] {
    return this.rows.get(`${place.topic}/${place.partition}`) ?? []
  }

  #insert(
    table: string,
    place: RangePlace,
    range: Range,
    records: readonly LogRecord[],
    reason?: string,
  ): void {
    if (records.length === 0) return
    const token = `${table} ${tokenOf(place, range)}`
    if (this.#tokens.has(token)) return
    this.#tokens.add(token)
    const rows = records.map(({ offset, gap }) => ({
      offset,
      gap,
      ...(reason === undefined ? {} : { reason }),
    }))
    this.rows.set(`${place.topic}/${place.partition}`, [...this.rowsOf(place), ...rows])
  }
}
