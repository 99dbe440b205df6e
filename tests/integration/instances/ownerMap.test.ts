/** The owner map against a real group: who owns what, and where it answers, through joins and leaves. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createOwnerMap } from '@tributary/kafka'
import { groupName } from '@tributary/stream-runtime'
import { countingTopology } from '@tributary/stream-runtime/testing'
import { waitForValue } from '../../support/waitUntil.ts'
import { type RuntimeWorld, createRuntimeWorld } from '../runtime/runtimeWorld.ts'

const PARTITIONS = 4
let world: RuntimeWorld

beforeAll(async () => {
  world = await createRuntimeWorld(PARTITIONS)
})
afterAll(() => world.end())

test('names the owner of every partition with its address, again after each join and leave', async () => {
  const group = groupName(world.prefix, countingTopology.name, 1)
  const map = createOwnerMap({ admin: world.admin, group })
  const owners = async (): Promise<(string | undefined)[]> => {
    await map.refresh()
    const found = Array.from({ length: PARTITIONS }, (_, partition) => map.ownerOf(partition))
    return (await Promise.all(found)).map((owner) => owner && `${owner.nodeId} ${owner.address}`)
  }
  expect(await owners()).toEqual(Array(PARTITIONS).fill(undefined))

  let joins = 0
  const start = (nodeId: string) =>
    world.startCounting(nodeId, { address: `${nodeId}:9090`, onAssigned: () => void joins++ })
  const a = await start('a')
  await waitForValue('a owns all', owners, (found) => found.every((owner) => owner === 'a a:9090'))
  expect(joins).toBe(1)

  const b = await start('b')
  const shared = await waitForValue('both own some', owners, (found) => new Set(found).size === 2)
  const runs = (group_: typeof a) => group_.tasks().map(({ partition }) => partition)
  expect(shared.flatMap((owner, partition) => (owner === 'a a:9090' ? partition : []))).toEqual(runs(a))
  expect(shared.flatMap((owner, partition) => (owner === 'b b:9090' ? partition : []))).toEqual(runs(b))
  expect(joins).toBe(3)

  await a.stop()
  await waitForValue('b owns all', owners, (found) => found.every((owner) => owner === 'b b:9090'))
})
