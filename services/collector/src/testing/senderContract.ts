import { expect, test } from '@jest/globals'
import { type OutgoingLane, type OutgoingRecord, type RecordSender } from '../produce/outgoing.ts'

/** A sender under test, with a way to see what it wrote. */
export interface OpenSender {
  readonly sender: RecordSender
  /** Values of a partition, in order, from an offset. */
  readonly read: (
    topic: 'events' | 'rejected',
    partition: number,
    from: number,
    count: number,
  ) => Promise<string[]>
}

const record = (topic: 'events' | 'rejected', partition: number, value: string): OutgoingRecord => ({
  topic,
  partition,
  key: `key-${partition}`,
  value: Buffer.from(value),
  ...(topic === 'rejected' && { headers: { ce_specversion: '1.0' } }),
})

const lane = (topic: 'events' | 'rejected', partition: number, ...values: string[]): OutgoingLane => ({
  topic,
  partition,
  records: values.map((value) => record(topic, partition, value)),
})

/** What every RecordSender promises; run against the log in memory and against Kafka. */
export function senderContract(open: () => Promise<OpenSender>): void {
  test('what was acknowledged lies where the answer says, in order, without a gap', async () => {
    const { sender, read } = await open()
    const ranges = await sender.send([
      lane('events', 0, 'a', 'c'),
      lane('events', 1, 'b'),
      lane('rejected', 1, 'd'),
    ])
    expect(ranges.map((range) => `${range.topic}/${range.partition}`).sort()).toEqual([
      'events/0',
      'events/1',
      'rejected/1',
    ])
    const values: Record<string, string[]> = {}
    for (const { topic, partition, baseOffset } of ranges) {
      const count = topic === 'events' && partition === 0 ? 2 : 1
      // oxlint-disable-next-line no-await-in-loop -- one reader at a time
      values[`${topic}/${partition}`] = await read(topic, partition, baseOffset, count)
    }
    expect(values).toEqual({ 'events/0': ['a', 'c'], 'events/1': ['b'], 'rejected/1': ['d'] })
  })

  test('concurrent requests each get their own range', async () => {
    const { sender, read } = await open()
    const sent = Array.from({ length: 8 }, (_, i) => [`${i}-0`, `${i}-1`, `${i}-2`])
    const answers = await Promise.all(sent.map((values) => sender.send([lane('events', 0, ...values)])))
    const found = await Promise.all(
      answers.map((ranges) => {
        expect(ranges).toHaveLength(1)
        return read('events', 0, ranges[0]!.baseOffset, 3)
      }),
    )
    expect(found).toEqual(sent)
  })

  test('a large record arrives whole', async () => {
    const { sender, read } = await open()
    const value = 'x'.repeat(1_800_000)
    const [range] = await sender.send([lane('events', 1, value)])
    expect(await read('events', 1, range!.baseOffset, 1)).toEqual([value])
  })
}
