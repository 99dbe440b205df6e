/**
 * The store port on LMDB: one environment per task, below `<directory>/<group>/<partition>`.
 *
 * Why an environment per task, and not one per process with a database or a prefix per task: a task's store is
 * wiped, lost, moved and found corrupt by itself. With one environment a wipe leaves the file as large as it was, one
 * bad page stops every task, and a folder cannot be deleted to repair it. What it costs is a few file handles each;
 * writes are made on one thread either way.
 *
 * Writes are not synced (the log is the truth; see crashGuard.ts for what follows). Everything is written in
 * `transactionSync`: an asynchronous transaction of lmdb keeps what was put before its callback threw.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { takeBytes } from '@tributary/contracts'
import type { StateStore, StateStores, StoreName, StoreWrite } from '@tributary/stream-runtime'
import { type Database, open } from 'lmdb'
import { checkDataFile } from './checkDataFile.ts'
import { closeGuard, openGuard } from './crashGuard.ts'
import { storeFault } from './storeFault.ts'
import { textKeys } from './textKeys.ts'

export interface LmdbStoresOptions {
  /** Folder for all stores of this process; may be lost. */
  readonly directory: string
  /** Told when a store is thrown away because the machine may have lost parts of it. */
  readonly onDistrust?: (name: StoreName, reason: string) => void
}

/** Keys of the database of ends. */
const AS_OF = '!asOf'
/** Without one a range begins at a key of lmdb's own. */
const FIRST_KEY = '\0'

export function createLmdbStores(options: LmdbStoresOptions): StateStores {
  const openNames = new Set<string>()
  return {
    // oxlint-disable-next-line require-await -- the port is asynchronous, this store is not
    async open(name) {
      const path = join(options.directory, name.group, String(name.partition))
      if (openNames.has(path)) throw new Error(`the store ${path} is open already`)
      openNames.add(path)
      try {
        return openStore(path, name, options, () => openNames.delete(path))
      } catch (error) {
        openNames.delete(path)
        throw error
      }
    },
  }
}

function openStore(
  path: string,
  name: StoreName,
  options: LmdbStoresOptions,
  onClose: () => void,
): StateStore {
  return storeFault(path, () => {
    mkdirSync(path, { recursive: true })
    const damage = checkDataFile(path)
    if (damage !== undefined) throw new Error(`corrupt: ${damage}`)
    const distrust = openGuard(path)
    const root = open({ path, encoding: 'binary', keyEncoding: 'binary', noSync: true, maxDbs: 2 })
    // Its types leave `keyEncoder` out.
    const ofRows = { name: 'rows', encoding: 'binary' as const, keyEncoder: textKeys }
    const rows = root.openDB<Buffer, string>(ofRows)
    const ends = root.openDB<number, string>({ name: 'ends', encoding: 'json' })
    if (distrust !== undefined) {
      options.onDistrust?.(name, distrust)
      wipe(root, rows, ends)
    }
    return storeOver(path, root, rows, ends, onClose)
  })
}

function wipe(root: Database, rows: Database, ends: Database): void {
  root.transactionSync(() => {
    rows.clearSync()
    ends.clearSync()
  })
}

function storeOver(
  path: string,
  root: Database & { close(): Promise<void> },
  rows: Database<Buffer, string>,
  ends: Database<number, string>,
  onClose: () => void,
): StateStore {
  const guarded = <T>(run: () => T): T => storeFault(path, run)

  function apply(change: StoreWrite): void {
    for (const { from, to } of change.deletedRanges ?? []) {
      // The first key after `to`. Collected before they are removed: a cursor does not survive the removal of its row.
      const keys = Array.from(rows.getKeys({ start: from, end: `${to}\0` }))
      for (const key of keys) rows.removeSync(key)
    }
    for (const { key, value } of change.rows) {
      if (value === null) rows.removeSync(key)
      else rows.putSync(key, asBuffer(value))
    }
    for (const [log, end] of change.ends) ends.putSync(log, end)
    ends.putSync(AS_OF, change.asOfMs)
  }

  return {
    get: (key) => guarded(() => copied(rows.getBinaryFast(key))),
    *range(from, to, limit) {
      const range = rows.getRange({
        start: from,
        end: to,
        ...(limit === undefined ? {} : { limit }),
      })
      // lmdb gives a copy: its pages may change under what is kept.
      for (const { key, value } of range) yield [key, value]
    },
    ends: () =>
      guarded(() => {
        const found = new Map<string, number>()
        for (const { key, value } of ends.getRange()) if (key !== AS_OF) found.set(key, value)
        return found
      }),
    asOfMs: () => guarded(() => ends.get(AS_OF)),
    write: (change) => guarded(() => root.transactionSync(() => apply(change))),
    wipe: () => guarded(() => wipe(root, rows, ends)),
    *dump() {
      for (const { key, value } of rows.getRange({ start: FIRST_KEY })) yield [key, value]
    },
    async close() {
      await root.close()
      onClose()
      await closeGuard(path)
    },
  }
}

/** LMDB lends the bytes until the next read. */
function copied(lent: Buffer | undefined): Buffer | undefined {
  if (!lent) return undefined
  const { length } = lent
  const bytes = takeBytes(length)
  lent.copy(bytes, 0, 0, length)
  return bytes
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
