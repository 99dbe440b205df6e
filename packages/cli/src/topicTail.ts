import { setTimeout as sleep } from 'node:timers/promises'
import type { TopicSpec } from '@tributary/contracts'
import { CommandError } from './context.ts'
import type { DoorRecord, KafkaDoor } from './kafkaDoor.ts'

/** How often the ends of the partitions are asked for, ms. */
const LOOK_EVERY_MS = 500

interface Position {
  start: number
  end: number
  next: number
}

/** Follows all partitions of a topic; each `read` gives what is new, oldest first. */
export class TopicTail {
  private readonly positions: Position[]
  private readonly door: KafkaDoor
  private readonly topic: TopicSpec

  private constructor(door: KafkaDoor, topic: TopicSpec, positions: Position[]) {
    this.door = door
    this.topic = topic
    this.positions = positions
  }

  /** Stands before the last `last` records of each partition. */
  static async open(door: KafkaDoor, topic: TopicSpec, last: number): Promise<TopicTail> {
    const bounds = await boundsOf(door, topic)
    return new TopicTail(
      door,
      topic,
      bounds.map(({ start, end }) => ({ start, end, next: Math.max(start, end - last) })),
    )
  }

  async read(): Promise<DoorRecord[]> {
    const found: DoorRecord[] = []
    for (const [partition, position] of this.positions.entries()) {
      if (position.next >= position.end) continue
      for await (const record of this.door.read(this.topic, partition, position.next, position.end))
        found.push(record)
      position.next = position.end
    }
    return found.sort(
      (a, b) => a.timestampMs - b.timestampMs || a.partition - b.partition || a.offset - b.offset,
    )
  }

  /** Waits a little and looks for new ends; false when interrupted. */
  async wait(interrupted: AbortSignal): Promise<boolean> {
    await sleep(LOOK_EVERY_MS, undefined, { signal: interrupted }).catch(() => undefined)
    if (interrupted.aborted) return false
    for (const [partition, { end }] of (await boundsOf(this.door, this.topic)).entries()) {
      const position = this.positions[partition]
      if (position) position.end = end
    }
    return true
  }
}

async function boundsOf(door: KafkaDoor, topic: TopicSpec) {
  const bounds = await door.bounds(topic)
  if (bounds) return bounds
  throw new CommandError(
    `the topic ${door.topicName(topic)} does not exist; create the topics with \`tributary topics create\``,
  )
}
