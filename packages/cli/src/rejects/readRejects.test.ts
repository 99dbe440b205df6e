import { expect, test } from '@jest/globals'
import { type RejectedRecord, topics } from '@tributary/contracts'
import { MemoryDoor } from '../testing/memoryDoor.ts'
import { type RejectFilter, parsePlace, readRejects } from './readRejects.ts'

const record = (n: number, over: Partial<RejectedRecord> = {}): RejectedRecord => ({
  code: n % 2 === 0 ? 'does_not_map' : 'too_deep',
  message: '',
  source: n < 2 ? 'web' : 'crm',
  receivedAt: `2026-01-0${n + 1}T00:00:00.000Z`,
  input: '',
  origin: `http:r:${n}`,
  messageId: `m${n}`,
  ...over,
})
const door = new MemoryDoor()
for (let n = 0; n < 4; n++) door.put(topics.rejected, n % 2, Buffer.from(JSON.stringify(record(n))))
door.put(
  topics.rejected,
  0,
  Buffer.from(JSON.stringify(record(0, { origin: 'later piece', chunk: 1, chunks: 2 }))),
)
door.put(topics.rejected, 0, Buffer.from('somebody else’s'))

const day = (n: number) => Date.parse(`2026-01-0${n}T00:00:00Z`)

test.each<readonly [RejectFilter, readonly number[]]>([
  [{}, [0, 2, 1, 3]],
  [{ source: 'crm' }, [2, 3]],
  [{ code: 'too_deep' }, [1, 3]],
  [{ source: 'web', code: 'too_deep' }, [1]],
  [{ messageIds: ['m3', 'm0', 'other'] }, [0, 3]],
  [{ sinceMs: day(2) }, [2, 1, 3]],
  [{ untilMs: day(2) }, [0]],
  [{ sinceMs: day(2), untilMs: day(4) }, [2, 1]],
])('%j chooses %j, each input once, partition by partition', async (filter, expected) => {
  const found: string[] = []
  for await (const reject of readRejects(door, filter)) found.push(reject.record.origin)
  expect(found).toEqual(expected.map((n) => `http:r:${n}`))
})

test('a place is two numbers, anything else is a message id', () => {
  expect(parsePlace('3:471')).toEqual({ partition: 3, offset: 471 })
  for (const text of ['3', '3:', 'a:1', '3:4:5', ' 3:4']) expect(parsePlace(text)).toBeUndefined()
})
