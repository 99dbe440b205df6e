import { RuntimeFault } from '@tributary/stream-runtime'

/** Words of LMDB's own errors for a file that is not what it should be. */
const CORRUPT =
  /MDB_(CORRUPTED|PAGE_NOTFOUND|INVALID|VERSION_MISMATCH|PANIC|BAD_TXN)|corrupt|located page was wrong|not an LMDB file|version mismatch/i
/** A write that the disk took only the first part of is an input/output error to LMDB: what a full disk mostly gives. */
const FULL = /ENOSPC|no space left|MDB_MAP_FULL|disk quota|EFBIG|file too large|EIO|input\/output error/i

/** Runs something on a store, and says of what it throws what is to be done. All of it stops the process. */
export function storeFault<T>(path: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof RuntimeFault) throw error
    const reason = describe(error)
    if (FULL.test(reason))
      throw new RuntimeFault(
        'store-full',
        `the disk with the store ${path} is full or failing (${reason}): make room and start again`,
        { cause: error },
      )
    if (CORRUPT.test(reason))
      throw new RuntimeFault(
        'store-corrupt',
        `the store ${path} is damaged (${reason}): delete that folder and start again, it is restored from its change log`,
        { cause: error },
      )
    throw new RuntimeFault('store-failed', `the store ${path} failed: ${reason}`, { cause: error })
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as { code?: string | number }).code
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return code === undefined ? `${error.message}${cause}` : `${code}: ${error.message}${cause}`
}
