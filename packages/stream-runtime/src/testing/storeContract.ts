/** The promises of a store, for every implementation. A test file calls each with a way to open a store. */
import type { StateStore, StoreWrite } from '../ports/store.ts'

export interface StoreUnderTest {
  /** The same name gives the same contents, as long as they are not lost. */
  readonly open: (partition: number) => Promise<StateStore>
}

export interface ContractCase {
  /** The promise. */
  readonly name: string
  /** Throws when it is broken. */
  readonly run: (subject: StoreUnderTest) => Promise<void>
}

function put(rows: Readonly<Record<string, string | null>>, more: Partial<StoreWrite> = {}): StoreWrite {
  return {
    rows: Object.entries(rows).map(([key, value]) => ({
      key,
      value: value === null ? null : Buffer.from(value),
    })),
    ends: new Map(),
    asOfMs: 1,
    ...more,
  }
}

function dump(store: StateStore): string {
  return [...store.dump()].map(([key, value]) => `${key}=${Buffer.from(value).toString()}`).join(' ')
}

function equal(found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`found ${a}, wanted ${b}`)
}

export const storeContract: readonly ContractCase[] = [
  {
    name: 'a store that was never written knows nothing',
    async run({ open }) {
      const store = await open(0)
      equal(
        [store.asOfMs(), [...store.ends()], dump(store), store.get('a/1')],
        [undefined, [], '', undefined],
      )
      await store.close()
    },
  },
  {
    name: 'rows, ends and time of one write are there together, also after closing and opening',
    async run({ open }) {
      const store = await open(0)
      store.write(put({ 'a/1': 'x', 'a/2': 'y' }, { ends: new Map([['log', 7]]), asOfMs: 5 }))
      store.write(put({ 'a/1': null, 'a/3': 'z' }, { ends: new Map([['other', 2]]), asOfMs: 6 }))
      const state = (each: StateStore) => [
        dump(each),
        [...each.ends()].sort(([a], [b]) => (a < b ? -1 : 1)),
        each.asOfMs(),
      ]
      const wanted = [
        'a/2=y a/3=z',
        [
          ['log', 7],
          ['other', 2],
        ],
        6,
      ]
      equal(state(store), wanted)
      await store.close()
      const again = await open(0)
      equal(state(again), wanted)
      await again.close()
    },
  },
  {
    name: 'rows come in the order of their bytes',
    async run({ open }) {
      const store = await open(0)
      const keys = ['a/\u{1F600}', 'a/\uFFFD', 'a/é', 'a/z', 'a/Z', 'a/', 'a/~', 'b/0', '\u0001']
      store.write(put(Object.fromEntries(keys.map((key) => [key, 'v']))))
      const sorted = [...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))
      equal(
        [...store.dump()].map(([key]) => key),
        sorted,
      )
      equal(
        [...store.range('a/', 'a0')].map(([key]) => key),
        sorted.filter((key) => key.startsWith('a/')),
      )
      equal(
        [...store.range('a/Z', 'a/~', 1)].map(([key]) => key),
        ['a/Z'],
      )
      await store.close()
    },
  },
  {
    name: 'a range is deleted with both its ends, before the rows of the same write',
    async run({ open }) {
      const store = await open(0)
      store.write(put({ 'a/1': 'x', 'a/2': 'x', 'a/20': 'x', 'a/3': 'x' }))
      store.write(put({ 'a/1': 'new' }, { deletedRanges: [{ from: 'a/1', to: 'a/2' }] }))
      equal(dump(store), 'a/1=new a/20=x a/3=x')
      await store.close()
    },
  },
  {
    name: 'what was read stays as it was read, large or small, whatever is read and written after it',
    async run({ open }) {
      const store = await open(0)
      const large = 'l'.repeat(200_000)
      store.write(put({ 'a/1': 'x', 'a/2': 'yy', 'a/3': large }))
      const read = [store.get('a/1'), store.get('a/3'), store.get('a/2')]
      const walked = [...store.range('a/', 'a0')].map(([, value]) => value)
      store.write(put({ 'a/1': 'z', 'a/2': null, 'a/3': 'z' }))
      store.get('a/3')
      equal(
        [...read, ...walked].map((each) => Buffer.from(each!).toString()),
        ['x', large, 'yy', 'x', 'yy', large],
      )
      await store.close()
    },
  },
  {
    name: 'a write that fails half way leaves nothing behind',
    async run({ open }) {
      const store = await open(0)
      store.write(put({ 'a/1': 'x' }, { asOfMs: 5 }))
      const rows = [{ key: 'a/2', value: Buffer.from('y') }]
      const failing = {
        *[Symbol.iterator]() {
          yield* rows
          throw new Error('half way')
        },
      }
      let failed = false
      try {
        store.write({
          rows: failing as unknown as StoreWrite['rows'],
          ends: new Map([['log', 1]]),
          asOfMs: 9,
        })
      } catch {
        failed = true
      }
      equal([failed, dump(store), [...store.ends()], store.asOfMs()], [true, 'a/1=x', [], 5])
      await store.close()
    },
  },
  {
    name: 'a wiped store is as if it had never been written',
    async run({ open }) {
      const store = await open(0)
      store.write(put({ 'a/1': 'x' }, { ends: new Map([['log', 7]]) }))
      store.wipe()
      equal([store.asOfMs(), [...store.ends()], dump(store)], [undefined, [], ''])
      store.write(put({ 'a/2': 'y' }))
      equal(dump(store), 'a/2=y')
      await store.close()
    },
  },
  {
    name: 'the stores of two partitions know nothing of each other',
    async run({ open }) {
      const [one, two] = [await open(0), await open(1)]
      one.write(put({ 'a/1': 'x' }))
      equal(dump(two), '')
      two.wipe()
      equal(dump(one), 'a/1=x')
      await Promise.all([one.close(), two.close()])
    },
  },
  {
    name: 'bytes handed in or out are the caller’s: changing them changes nothing',
    async run({ open }) {
      const store = await open(0)
      const bytes = Buffer.from('abc')
      store.write({ rows: [{ key: 'a/1', value: bytes }], ends: new Map(), asOfMs: 1 })
      bytes.fill(0)
      store.get('a/1')!.fill(1)
      store.get('a/1')
      equal(dump(store), 'a/1=abc')
      await store.close()
    },
  },
]
