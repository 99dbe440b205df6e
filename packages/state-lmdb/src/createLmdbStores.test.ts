import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeContract } from '@tributary/stream-runtime/testing'
import { afterEach, expect, test } from '@jest/globals'
import { createLmdbStores } from './createLmdbStores.ts'

const directories: string[] = []

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'tributary-store-'))
  directories.push(path)
  return path
}

afterEach(() => {
  for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true })
})

test.each(storeContract)('on LMDB: $name', async ({ run }) => {
  const stores = createLmdbStores({ directory: directory() })
  await expect(run({ open: (partition) => stores.open({ group: 'g', partition }) })).resolves.toBeUndefined()
})

const write = { rows: [{ key: 'a/1', value: Buffer.from('x') }], ends: new Map([['log', 1]]), asOfMs: 1 }

test('a store that was open when the machine went down is thrown away, a closed one is not', async () => {
  const path = directory()
  const distrusted: string[] = []
  const stores = createLmdbStores({ directory: path, onDistrust: (_, reason) => distrusted.push(reason) })
  const closed = await stores.open({ group: 'g', partition: 0 })
  closed.write(write)
  await closed.close()
  const guard = join(path, 'g', '0', 'guard.json')
  const clean = JSON.parse(readFileSync(guard, 'utf8'))
  writeFileSync(guard, JSON.stringify({ ...clean, boot: 'an earlier boot' }))
  const afterClean = await stores.open({ group: 'g', partition: 0 })
  expect(afterClean.ends().get('log')).toBe(1)
  await afterClean.close()
  writeFileSync(guard, JSON.stringify({ ...clean, boot: 'an earlier boot', clean: false }))
  const afterCrash = await stores.open({ group: 'g', partition: 0 })
  expect(afterCrash.asOfMs()).toBeUndefined()
  expect(distrusted).toEqual(['it was open when the machine went down'])
  await afterCrash.close()
})

test('a store that is open cannot be opened again', async () => {
  const stores = createLmdbStores({ directory: directory() })
  const store = await stores.open({ group: 'g', partition: 0 })
  await expect(stores.open({ group: 'g', partition: 0 })).rejects.toThrow('is open already')
  await store.close()
  await (await stores.open({ group: 'g', partition: 0 })).close()
})

test.each([
  ['another file', () => Buffer.alloc(8192, 7)],
  ['a second page of zeros', (whole: Buffer) => whole.fill(0, 4096, 8192)],
  ['a file that was cut off', (whole: Buffer) => whole.subarray(0, 8192)],
])('%s stops the process and says which folder to delete', async (_, damage) => {
  const path = directory()
  const stores = createLmdbStores({ directory: path })
  const store = await stores.open({ group: 'g', partition: 0 })
  store.write(write)
  await store.close()
  const file = join(path, 'g', '0', 'data.mdb')
  writeFileSync(file, damage(readFileSync(file)))
  await expect(stores.open({ group: 'g', partition: 0 })).rejects.toMatchObject({
    code: 'store-corrupt',
    action: 'stop',
    message: expect.stringContaining('delete that folder'),
  })
})
