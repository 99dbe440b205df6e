/**
 * Keeps a copy of all profiles with kafkajs: read the state, then follow the changes (profileView.ts has the rules).
 * kafkajs reads committed records only unless it is told otherwise.
 */
import { type Admin, type EachMessagePayload, type Kafka } from 'kafkajs'
import { type Change, type Held, ProfileView } from './profileView.ts'

export interface FollowOptions {
  readonly kafka: Kafka
  /** Prefix of the topics, for example "cdp". */
  readonly prefix: string
  /** Two groups are used: `<group>-state` and `<group>-changes`. */
  readonly group: string
  /** What was held when the group was stopped: then only the changes since are read. */
  readonly view?: ProfileView
  /** Changes were missed, for example because the group was away for longer than the topic keeps them: begin anew. */
  readonly onMissed: () => void
}

export interface Following {
  readonly view: ProfileView
  /** Leaves the group; what was read is committed, and `view` may be given to a later run. */
  stop(): Promise<void>
}

export async function followProfiles(options: FollowOptions): Promise<Following> {
  const { kafka, prefix, group, onMissed } = options
  const [state, changes] = [`${prefix}.profiles.v1`, `${prefix}.profile-changes.v1`]
  const admin = kafka.admin()
  await admin.connect()
  const view = options.view ?? new ProfileView()
  if (!options.view) {
    // Noted before the state is read, so that nothing falls between the two.
    const ends = await admin.fetchTopicOffsets(changes)
    await admin.setOffsets({ groupId: `${group}-changes`, topic: changes, partitions: ends })
    await readState({ kafka, admin, topic: state, groupId: `${group}-state-${Date.now()}`, view })
  }
  await admin.disconnect()

  const consumer = kafka.consumer({ groupId: `${group}-changes` })
  await consumer.connect()
  await consumer.subscribe({ topic: changes, fromBeginning: true })
  await consumer.run({
    async eachMessage({ partition, message }: EachMessagePayload) {
      if (!message.value) return
      const outcome = view.follow(partition, JSON.parse(message.value.toString()) as Change)
      if (outcome === 'missed') onMissed()
    },
  })
  return {
    view,
    async stop() {
      await consumer.disconnect()
    },
  }
}

interface StateReading {
  readonly kafka: Kafka
  readonly admin: Admin
  readonly topic: string
  readonly groupId: string
  readonly view: ProfileView
}

/** Fetches without a message, from each broker, that say that a topic is read to its end. */
const QUIET_FETCHES = 3

/**
 * Reads a topic to its end. Its last offsets may be markers of transactions, and kafkajs does not tell when it has
 * passed those: the end is where fetches bring nothing any more. Were it too early, the first change that does not fit
 * would be told as missed.
 */
async function readState({ kafka, admin, topic, groupId, view }: StateReading): Promise<void> {
  const { brokers } = await admin.describeCluster()
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 500 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let quiet = 0
  const ended = new Promise<void>((resolve) => {
    consumer.on(consumer.events.FETCH, () => {
      if (++quiet >= QUIET_FETCHES * brokers.length) resolve()
    })
  })
  await consumer.run({
    async eachMessage({ message }: EachMessagePayload) {
      quiet = 0
      const value = message.value && (JSON.parse(message.value.toString()) as Held)
      view.readState(message.key!.toString(), value)
    },
  })
  await ended
  await consumer.disconnect()
}
