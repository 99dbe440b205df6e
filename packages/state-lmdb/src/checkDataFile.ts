/**
 * Looks at the first two pages of an LMDB file before LMDB does: given another file, or one that was cut off, the
 * library does not answer with an error but takes the process down with a segmentation fault.
 *
 * Layout as of lmdb-js 3.5 on 64-bit machines (little-endian; mdb.c, struct MDB_meta): a page header of 24 bytes,
 * magic, version, address, size of the map, then the page size (in the first of two database records of 48 bytes),
 * and the root pages of both.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'

const MAGIC = 0xbeefc0de
const AT = { magic: 24, pageSize: 48, freeRoot: 88, mainRoot: 136 } as const
const META_BYTES = 168
/** Number of a root page that does not exist. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn

/** Undefined when the file is missing, empty or looks like LMDB's; otherwise what is wrong with it. */
export function checkDataFile(path: string): string | undefined {
  let file: number
  try {
    file = openSync(join(path, 'data.mdb'), 'r')
  } catch {
    return undefined
  }
  try {
    const { size } = fstatSync(file)
    if (size === 0) return undefined
    const first = readMeta(file, 0)
    if (!first) return 'no LMDB file'
    const second = readMeta(file, first.pageSize)
    if (!second || second.pageSize !== first.pageSize) return 'its second page is damaged'
    const pages = BigInt(Math.floor(size / first.pageSize))
    const cut = [...first.roots, ...second.roots].some((root) => root !== NO_PAGE && root >= pages)
    return cut ? 'the file was cut off' : undefined
  } finally {
    closeSync(file)
  }
}

function readMeta(file: number, at: number) {
  const bytes = Buffer.alloc(META_BYTES)
  if (readSync(file, bytes, 0, META_BYTES, at) < META_BYTES) return undefined
  const pageSize = bytes.readUInt32LE(AT.pageSize)
  const plausible = pageSize >= 256 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0
  if (bytes.readUInt32LE(AT.magic) !== MAGIC || !plausible) return undefined
  return { pageSize, roots: [bytes.readBigUInt64LE(AT.freeRoot), bytes.readBigUInt64LE(AT.mainRoot)] }
}
