import { expect, test } from '@jest/globals'
import {
  assignPartitions,
  decodeAssignment,
  decodeMember,
  encodeAssignment,
  encodeMember,
} from './rendezvousAssigner.ts'

const topics = ['events', 'assignments']

function assign(nodes: readonly string[], count = 64) {
  const assignments = assignPartitions({
    members: nodes.map((nodeId) => ({ memberId: `member-${nodeId}`, nodeId, topics })),
    partitions: new Map(topics.map((topic) => [topic, count])),
    coPartitioned: true,
  })
  return new Map(nodes.map((nodeId) => [nodeId, assignments.get(`member-${nodeId}`)!]))
}

function ownersOf(nodes: readonly string[]): string[] {
  const owners: string[] = []
  for (const [nodeId, assignment] of assign(nodes))
    for (const partition of assignment.get('events') ?? []) owners[partition] = nodeId
  return owners
}

test('co-partitioned topics are together, every partition has one owner, and shares are equal', () => {
  const assignments = assign(['a', 'b', 'c'])
  const owned = [...assignments.values()].flatMap((assignment) => assignment.get('events')!)
  expect(owned.sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i))
  for (const assignment of assignments.values()) {
    expect(assignment.get('assignments')).toEqual(assignment.get('events'))
    expect(assignment.get('events')!.length).toBeGreaterThanOrEqual(20)
    expect(assignment.get('events')!.length).toBeLessThanOrEqual(22)
  }
})

test('the members’ order and their ids of this session change nothing: a node that comes back gets what it had', () => {
  const before = ownersOf(['a', 'b', 'c'])
  expect(ownersOf(['c', 'a', 'b'])).toEqual(before)
})

test('a node that joins takes its share and little else moves', () => {
  const before = ownersOf(['a', 'b', 'c'])
  const after = ownersOf(['a', 'b', 'c', 'd'])
  const moved = after.filter((owner, partition) => owner !== before[partition]).length
  // The new node's share is 16.
  expect(moved).toBeLessThanOrEqual(26)
})

test('topics that are not co-partitioned are shared out partition by partition', () => {
  const assignments = assignPartitions({
    members: ['a', 'b'].map((nodeId) => ({ memberId: nodeId, nodeId, topics: ['x', 'y'] })),
    partitions: new Map([
      ['x', 1],
      ['y', 3],
    ]),
    coPartitioned: false,
  })
  const units = [...assignments.values()].map((assignment) =>
    [...assignment].flatMap(([topic, partitions]) => partitions.map((partition) => `${topic}${partition}`)),
  )
  expect(units.map(({ length }) => length)).toEqual([2, 2])
  expect(units.flat().sort((a, b) => (a < b ? -1 : 1))).toEqual(['x0', 'y0', 'y1', 'y2'])
})

test('what a member tells of itself can be read by everyone, and a stranger is nobody', () => {
  const info = { nodeId: 'a', address: 'a:9090' }
  expect(decodeMember(encodeMember(topics, info))).toEqual({ ...info, topics })
  expect(decodeMember(Buffer.from([0, 1]))).toBeUndefined()
  const assignment = new Map([['events', [1, 2]]])
  expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment)
  expect(decodeAssignment(Buffer.alloc(0))).toEqual(new Map())
})
