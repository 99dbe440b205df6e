/** What the resolver knows is in its store: its heap is the same with few and with many identifiers. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EvidenceMember, evidenceId, profileOf } from '@tributary/domain'
import { evidenceInput, openResolverOnLmdb } from '../support/resolverOnLmdb.ts'

/** Two identifiers each. */
const FEW = 2_500
const MANY = 20_000
/** Records made at a time, so that the test itself holds no more of them. */
const AT_ONCE = 500
/** 0.2 MB measured. If the rows of the many were kept in a map it would be 15 MB more, measured too. */
const MAX_GROWTH_BYTES = 5_000_000

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
const member = (type: string, value: string): EvidenceMember => ({ type, id: hash(`${type} ${value}`) })
const user = (n: number) => member('user_id', `u${n}`)
const device = (n: number) => member('anonymous_id', `a${n}`)

function seen(n: number): Uint8Array {
  const members = [user(n), device(n)].sort((a, b) => (a.id < b.id ? -1 : 1))
  return evidenceInput({
    id: evidenceId(members, 'co-occurrence', 'web', hash),
    class: 'co-occurrence',
    sourceId: 'web',
    members,
    firstTimeMs: n,
    messageId: `m${n}`,
    receivedTimeMs: n,
  })
}

/** Heap in use after everything that can go has gone, bytes. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

test('the heap does not grow with the number of identifiers that are known', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-heap-'))
  const resolver = await openResolverOnLmdb(folder)
  const meet = (from: number, to: number): void => {
    for (let start = from; start < to; start += AT_ONCE)
      resolver.feed(Array.from({ length: AT_ONCE }, (_, i) => seen(start + i)))
  }
  try {
    meet(0, FEW)
    const before = heapBytes()
    meet(FEW, FEW + MANY)
    expect(heapBytes() - before).toBeLessThan(MAX_GROWTH_BYTES)
    // They are all known.
    for (const n of [0, FEW, FEW + MANY - 1])
      expect(profileOf(device(n).id, resolver.rows().identifiers.get(device(n).id)).identifierId).toBe(
        user(n).id,
      )
  } finally {
    await resolver.close()
    await rm(folder, { recursive: true, force: true })
  }
}, 120_000)
