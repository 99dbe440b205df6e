import { describe, expect, test } from '@jest/globals'
import { Metadata, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { askOwner, askOwners } from './askOwners.ts'
import { hop } from './grpcClient.ts'
import type { Caller } from './grpcPeers.ts'
import { Refusal } from './grpcRefusal.ts'

/** Instances n0, n1 … as addresses; which partitions each has, and what the map says, are the test's. */
interface World {
  readonly has: Map<string, readonly number[]>
  readonly map: Map<number, string>
  /** What the map says after a refresh. */
  readonly renewed?: Map<number, string>
  readonly fails?: (address: string) => status | undefined
}

function caller(passedOn = false): Caller {
  const metadata = passedOn ? hop(new Metadata()) : new Metadata()
  return { metadata, getDeadline: () => Infinity, on() {}, off() {}, setMaxListeners() {} }
}

function failure(code: status): Error {
  return Object.assign(new Error('from the peer'), { code, details: 'from the peer' })
}

function ask(world: World, partitions: readonly number[], passedOn = false) {
  const calls: string[] = []
  let { map } = world
  let refreshes = 0
  const hasHere = (partition: number) => world.has.get('n0')?.includes(partition) ?? false
  const answer = askOwners<string, readonly string[]>(
    { nodeId: 'n0', peers: { at: (address) => address, close() {} } },
    {
      call: caller(passedOn),
      partitions,
      of: 'the profiles',
      has: hasHere,
      owners: {
        async ownerOf(partition) {
          const nodeId = map.get(partition)
          return nodeId === undefined ? undefined : { nodeId, address: nodeId }
        },
        async refresh() {
          refreshes++
          map = world.renewed ?? map
        },
      },
      here: (mine) => mine.map((partition) => `n0:${partition}`),
      async there(address, theirs) {
        calls.push(`${address}:${theirs.join('+')}`)
        const code = world.fails?.(address)
        if (code !== undefined) throw failure(code)
        if (!theirs.every((partition) => world.has.get(address)?.includes(partition)))
          throw failure(status.UNAVAILABLE)
        return theirs.map((partition) => `${address}:${partition}`)
      },
    },
  )
  return { answer: answer.then((answers) => answers.flat().sort()), calls, refreshes: () => refreshes }
}

const owned = (has: Record<string, readonly number[]>): Map<string, readonly number[]> =>
  new Map(Object.entries(has))
const told = (owners: readonly string[]): Map<number, string> => new Map(owners.entries())

async function refusal(answer: Promise<unknown>): Promise<Refusal> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(Refusal)
  return error as Refusal
}

test('what is here is answered here, the rest by one call to each owner', async () => {
  const { answer, calls } = ask(
    { has: owned({ n0: [0], n1: [1, 3], n2: [2] }), map: told(['n0', 'n1', 'n2', 'n1']) },
    [0, 1, 2, 3],
  )
  expect(await answer).toEqual(['n0:0', 'n1:1', 'n1:3', 'n2:2'])
  expect(calls.sort()).toEqual(['n1:1+3', 'n2:2'])
})

test('a question that was passed on is never passed on again', async () => {
  const { answer, calls } = ask({ has: owned({ n1: [0] }), map: told(['n1']) }, [0], true)
  expect((await refusal(answer)).code).toBe(status.UNAVAILABLE)
  expect(calls).toEqual([])
})

describe('while partitions move', () => {
  test('an owner that has lost it leads to a new map and the new owner', async () => {
    const { answer, calls, refreshes } = ask(
      { has: owned({ n2: [0] }), map: told(['n1']), renewed: told(['n2']) },
      [0],
    )
    expect(await answer).toEqual(['n2:0'])
    expect(calls).toEqual(['n1:0', 'n2:0'])
    expect(refreshes()).toBe(1)
  })

  test.each([
    ['nobody owns it', {}, []],
    ['it is said to be here and is not', {}, ['n0']],
    ['the owner has not restored it yet', { n1: [] }, ['n1']],
  ])('when %s it is UNAVAILABLE with a hint, after at most one call', async (_, has, map) => {
    const { answer, calls } = ask({ has: owned(has), map: told(map) }, [0])
    const { code, message, metadata } = await refusal(answer)
    expect(status[code]).toBe('UNAVAILABLE')
    expect(message).toContain('partition 0 of the profiles is restoring or moving')
    expect(metadata.get('grpc-retry-pushback-ms')).toEqual(['500'])
    expect(calls.length).toBeLessThanOrEqual(1)
  })

  test('half of an answer is no answer: the missing partitions are named', async () => {
    const { answer } = ask(
      { has: owned({ n0: [0], n1: [1] }), map: told(['n0', 'n1', 'n1', 'n1']) },
      [0, 1, 2, 3],
    )
    expect((await refusal(answer)).message).toContain('the partitions 1, 2, 3 of the profiles')
  })

  test.each([status.DEADLINE_EXCEEDED, status.UNIMPLEMENTED])(
    'a peer that answers %d is not there',
    async (code) => {
      const { answer } = ask({ has: owned({}), map: told(['n1']), fails: () => code }, [0])
      expect((await refusal(answer)).code).toBe(status.UNAVAILABLE)
    },
  )
})

test.each([status.INVALID_ARGUMENT, status.NOT_FOUND, status.UNAUTHENTICATED])(
  'what the owner refuses with %d is refused as it was',
  async (code) => {
    const { answer } = ask({ has: owned({}), map: told(['n1']), fails: () => code }, [0])
    expect(await refusal(answer)).toMatchObject({ code, message: 'from the peer' })
  },
)

test('whatever the maps say: each partition is answered once by one that has it, or all is UNAVAILABLE', async () => {
  const nodes = fc.constantFrom('n0', 'n1', 'n2')
  const map = fc.array(fc.option(nodes, { nil: undefined }), { minLength: 4, maxLength: 4 })
  const toMap = (owners: readonly (string | undefined)[]) =>
    new Map([...owners.entries()].filter((entry): entry is [number, string] => entry[1] !== undefined))
  await fc.assert(
    fc.asyncProperty(map, map, map, async (truth, first, second) => {
      const has = owned({})
      for (const [partition, node] of truth.entries())
        if (node !== undefined) has.set(node, [...(has.get(node) ?? []), partition])
      const { answer, calls } = ask({ has, map: toMap(first), renewed: toMap(second) }, [0, 1, 2, 3])
      const whole = truth.map((node, partition) => `${node}:${partition}`).sort()
      const outcome = await answer.catch((error: unknown) => error instanceof Refusal && error.code)
      expect([whole, status.UNAVAILABLE]).toContainEqual(outcome)
      // Two rounds, two peers.
      expect(calls.length).toBeLessThanOrEqual(4)
    }),
  )
})

test('one partition is asked for with askOwner', async () => {
  const answer = await askOwner(
    { nodeId: 'n0', peers: { at: (address) => address, close() {} } },
    {
      call: caller(),
      partition: 7,
      of: 'the profiles',
      owners: { ownerOf: async () => ({ nodeId: 'n1', address: 'n1' }), refresh: async () => {} },
      has: () => false,
      here: () => 'here',
      there: async (peer) => `from ${peer}`,
    },
  )
  expect(answer).toBe('from n1')
})
