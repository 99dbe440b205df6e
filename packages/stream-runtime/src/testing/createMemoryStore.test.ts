import { expect, test } from '@jest/globals'
import { createMemoryStores } from './createMemoryStore.ts'
import { storeContract } from './storeContract.ts'

test.each(storeContract)('in memory: $name', async ({ run }) => {
  const stores = createMemoryStores()
  await expect(run({ open: (partition) => stores.open({ group: 'g', partition }) })).resolves.toBeUndefined()
})
