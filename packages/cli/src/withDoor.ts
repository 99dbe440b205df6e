import { kafkaTarget, type ConnectionFlags, type KafkaTarget } from './connections.ts'
import type { Context } from './context.ts'
import type { KafkaDoor } from './kafkaDoor.ts'

export type OpenDoor = (target: KafkaTarget) => Promise<KafkaDoor>

/** Opens Kafka for the length of one command. */
export async function withDoor<T>(
  context: Context,
  flags: ConnectionFlags,
  open: OpenDoor,
  use: (door: KafkaDoor) => Promise<T>,
): Promise<T> {
  const target = kafkaTarget(context, flags)
  const door = await open(target)
  try {
    return await use(door)
  } finally {
    await door.close()
  }
}
