import { expect, test } from '@jest/globals'
import { topics } from '@tributary/contracts'
import { FactKind, FactRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { MemoryDoor } from '../testing/memoryDoor.ts'
import { readErased } from './erasures.ts'

const fact = (id: string, kind: FactKind, members: string[], timeMs: number) =>
  FactRecord.encode(
    FactRecord.fromPartial({
      fact: { id, kind, timeMs, members: members.map((each) => ({ type: 'user_id', id: each })) },
    }),
  ).finish()

test('facts that erase are read, each once as it first came, and no others', async () => {
  const door = new MemoryDoor()
  door.put(topics.facts, 0, fact('f1', FactKind.FACT_KIND_ERASE, ['a', 'b'], 100))
  door.put(topics.facts, 0, fact('f2', FactKind.FACT_KIND_BLOCK, ['c'], 200))
  door.put(topics.facts, 0, fact('f1', FactKind.FACT_KIND_ERASE, ['a', 'b', 'x'], 900))
  door.put(topics.facts, 0, fact('f3', FactKind.FACT_KIND_ERASE, [], 300))
  expect(await readErased(door)).toEqual([{ fact: 'f1', identifierIds: ['a', 'b'], receivedUntilMs: 100 }])
})

test('without the topic it says what to do', async () => {
  await expect(readErased(new MemoryDoor([]))).rejects.toThrow('tributary topics create')
})
