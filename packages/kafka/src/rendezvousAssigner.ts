/**
 * Which member owns which partition: rendezvous hashing by node id with an equal share for everyone.
 *
 * Each partition goes to the member with the highest hash of (node id, partition) that still has room; room is the
 * equal share, rounded up. So a node that comes back gets what it had (its local stores are warm), a node that leaves
 * or joins moves little else, and no node has more than one partition more than its share.
 */
import { murmur2 } from '@tributary/contracts'
import kafkajs from 'kafkajs'

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol

/** What a member tells about itself; readable by everyone through describeGroups. */
export interface MemberInfo {
  readonly nodeId: string
  /** Where it answers questions (gRPC), when it does. */
  readonly address?: string
}

export interface AssignerMember extends MemberInfo {
  readonly memberId: string
  readonly topics: readonly string[]
}

export interface AssignerInput {
  readonly members: readonly AssignerMember[]
  /** Partition counts of every topic of the group. */
  readonly partitions: ReadonlyMap<string, number>
  /** Whether all topics are assigned as one: partition n of each to the same member. */
  readonly coPartitioned: boolean
}

/** Member id → topic → partitions. */
export type Assignments = Map<string, Map<string, number[]>>

/** What is assigned as one: a partition number of all topics, or of one. */
interface Unit {
  readonly id: string
  readonly partition: number
  readonly topic: string | undefined
}

export function assignPartitions({ members, partitions, coPartitioned }: AssignerInput): Assignments {
  const assignments: Assignments = new Map(members.map(({ memberId }) => [memberId, new Map()]))
  const units = unitsOf(partitions, coPartitioned)
  const room = new Map(members.map(({ memberId }) => [memberId, Math.ceil(units.length / members.length)]))
  for (const unit of units) {
    const owner = [...members]
      .filter((member) => room.get(member.memberId)! > 0 && wants(member, unit))
      .sort((a, b) => score(b, unit) - score(a, unit) || (a.memberId < b.memberId ? -1 : 1))[0]
    if (!owner) continue
    room.set(owner.memberId, room.get(owner.memberId)! - 1)
    for (const topic of unit.topic === undefined ? owner.topics : [unit.topic]) {
      const owned = assignments.get(owner.memberId)!
      owned.set(topic, [...(owned.get(topic) ?? []), unit.partition])
    }
  }
  return assignments
}

function unitsOf(partitions: ReadonlyMap<string, number>, coPartitioned: boolean): Unit[] {
  if (coPartitioned)
    return numbersBelow(Math.max(0, ...partitions.values())).map((partition) => ({
      id: String(partition),
      partition,
      topic: undefined,
    }))
  return [...partitions]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([topic, count]) =>
      numbersBelow(count).map((partition) => ({ id: `${topic}/${partition}`, partition, topic })),
    )
}

function numbersBelow(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function wants(member: AssignerMember, unit: Unit): boolean {
  return unit.topic === undefined || member.topics.includes(unit.topic)
}

function score(member: AssignerMember, unit: Unit): number {
  return murmur2(Buffer.from(`${member.nodeId}\0${unit.id}`)) >>> 0
}

export function encodeMember(topics: readonly string[], info: MemberInfo): Buffer {
  return MemberMetadata.encode({
    version: 0,
    topics: [...topics],
    userData: Buffer.from(JSON.stringify(info)),
  })
}

/** Undefined for a member that is none of ours. */
export function decodeMember(metadata: Buffer): (MemberInfo & { topics: readonly string[] }) | undefined {
  try {
    const decoded = MemberMetadata.decode(metadata)
    if (!decoded) return undefined
    const info = JSON.parse(decoded.userData.toString()) as MemberInfo
    return { ...info, topics: decoded.topics }
  } catch {
    return undefined
  }
}

export function encodeAssignment(assignment: ReadonlyMap<string, readonly number[]>): Buffer {
  return MemberAssignment.encode({
    version: 0,
    assignment: Object.fromEntries([...assignment].map(([topic, partitions]) => [topic, [...partitions]])),
    userData: Buffer.alloc(0),
  })
}

export function decodeAssignment(bytes: Buffer): Map<string, number[]> {
  const decoded = bytes.length === 0 ? null : MemberAssignment.decode(bytes)
  return new Map(Object.entries(decoded?.assignment ?? {}))
}
