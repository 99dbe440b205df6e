import { afterEach, describe, expect, test } from '@jest/globals'
import { topics } from '@tributary/contracts'
import {
  type WatchRequest,
  type WatchResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { RuntimeFault } from '@tributary/stream-runtime'
import fc from 'fast-check'
import { waitForValue } from '../../../../../tests/support/waitUntil.ts'
import { home } from '../../testing/shopPeople.ts'
import {
  PARTITIONS,
  ada,
  bob,
  byId,
  cy,
  endWorlds,
  people,
  place,
  watching,
  world,
} from '../../testing/watchWorld.ts'

afterEach(endWorlds)

describe('from now on', () => {
  test('sends what concerns the profiles asked for, and follows a merge and a split', async () => {
    const { instance, publish } = world()
    publish(ada)
    const { client, watchers } = await instance()
    const watch = await watching(client, { refs: [byId(ada)] })
    publish(cy)
    const expected = [publish(ada), publish(ada, { mergedInto: bob }), publish(bob)]
    const split = publish(people[4]!, { splitFrom: bob })
    await watch.until(4)
    expect([...watch.told()].sort()).toEqual(
      [
        `${ada} ${expected[0]}`,
        `${ada} ${expected[1]}`,
        `${bob} ${expected[2]}`,
        `${people[4]} ${split}`,
      ].sort(),
    )
    watch.call.cancel()
    expect(await watch.ended).toMatch('CANCELLED')
    await waitForValue(
      'nobody watches',
      async () => watchers.size,
      (size) => size === 0,
    )
  })

  test('the winning side may tell of a merge first', async () => {
    const { instance, publish } = world()
    const { client } = await instance()
    const watch = await watching(client, { refs: [byId(ada)] })
    const won = publish(bob, { mergedFrom: [ada] })
    await watch.until(1)
    expect(watch.told()).toEqual([`${bob} ${won}`])
  })

  test('without refs sends everything', async () => {
    const { instance, publish } = world()
    const { client } = await instance()
    const watch = await watching(client)
    const version = publish(cy)
    await watch.until(1)
    expect(watch.told()).toEqual([`${cy} ${version}`])
  })

  test('when the changes cannot be read everybody is told to come again, and goes on without a gap', async () => {
    const { instance, publish } = world()
    const { client, watchers, breakWith } = await instance()
    const watch = await watching(client, { progress: true })
    await waitForValue(
      'a token',
      async () => watch.token(),
      (token) => token !== undefined,
    )
    breakWith(new RuntimeFault('log-unavailable', 'the log is away'))
    const version = publish(ada)
    expect(await watch.ended).toMatch(/^UNAVAILABLE: the reader of the changes/)
    expect(watchers.size).toBe(0)
    breakWith(undefined)
    const again = await watching(client, { resumeToken: watch.token()! })
    await again.until(1)
    expect(again.told()).toEqual([`${ada} ${version}`])
  })

  test('what is wrong with a question is said', async () => {
    const { instance } = world()
    const { client } = await instance()
    for (const [request, expected] of [
      [{ refs: [byId('x')] }, 'INVALID_ARGUMENT: a profile id is'],
      [
        { refs: Array.from({ length: 1_001 }, () => byId(ada)) },
        'INVALID_ARGUMENT: 1001 refs; watch at most 1000',
      ],
      [{ resumeToken: Buffer.from('x') }, 'INVALID_ARGUMENT: the resume_token is none of this installation'],
      [{ refs: [byId(ada)], resumeToken: Buffer.from('x') }, 'INVALID_ARGUMENT: a resume_token says which'],
      [{ refs: [byId(ada)], afterVersions: ['a', 'b'] }, 'INVALID_ARGUMENT: 2 after_versions for 1 refs'],
      [{ refs: [byId(ada)], afterVersions: ['7'] }, 'INVALID_ARGUMENT: after_versions holds something'],
    ] as const)
      expect(await (await watching(client, request as Partial<WatchRequest>)).ended).toMatch(expected)
  })
})

describe('a watch that broke goes on', () => {
  test('wherever it broke and whichever instance is asked: each change is told once, none is missing', async () => {
    const action = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('change' as const), who: fc.nat(4) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('merge' as const), who: fc.nat(4), into: fc.nat(4) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('split' as const), who: fc.nat(4), into: fc.nat(4) }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('break' as const), after: fc.nat(3) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), fc.boolean(), async (actions, all) => {
        const { log, instance, publish } = world()
        const instances = [await instance(), await instance()]
        let turn = 0
        const refs = all ? [] : [byId(ada)]
        let watch = await watching(instances[0]!.client, { refs, progress: true })
        await waitForValue(
          'a token',
          async () => watch.token(),
          (token) => token !== undefined,
        )
        const dealtWith: WatchResponse[] = []
        for (const each of actions)
          if (each.kind === 'change') publish(people[each.who]!)
          else if (each.kind === 'merge') {
            publish(people[each.who]!, { mergedInto: people[each.into]! })
            publish(people[each.into]!, { mergedFrom: [people[each.who]!] })
          } else if (each.kind === 'split') publish(people[each.into]!, { splitFrom: people[each.who]! })
          else {
            // Whatever came after the last one that was dealt with is lost with the connection.
            const kept = watch.responses.slice(0, Math.max(1, each.after))
            dealtWith.push(...kept)
            watch.call.cancel()
            turn++
            watch = await watching(instances[turn % 2]!.client, {
              resumeToken: kept.at(-1)!.resumeToken,
              progress: true,
            })
            await waitForValue(
              'a token',
              async () => watch.token(),
              (token) => token !== undefined,
            )
          }
        const concerned = new Set(all ? people : [ada])
        const expected = Array.from({ length: PARTITIONS }, (_, partition) =>
          log
            .committed(topics.profileChanges, partition)
            .map(({ value }) => JSON.parse(value!.toString()) as WatchResponse)
            .filter(({ profileId }) => concerned.has(profileId))
            .map(place),
        )
        const told = () =>
          [...dealtWith, ...watch.responses].filter(({ profileId }) => concerned.has(profileId)).map(place)
        await waitForValue(
          'all changes',
          async () => told().length,
          (length) => length >= expected.flat().length,
        )
        for (const each of expected) expect(told().filter((one) => each.includes(one))).toEqual(each)
        expect(told()).toHaveLength(expected.flat().length)
        watch.call.cancel()
        await endWorlds()
      }),
      { numRuns: 25 },
    )
  })

  test('a merge, a split and an erasure within the gap are told', async () => {
    const { instance, publish } = world()
    const [one, other] = [await instance(), await instance()]
    const watch = await watching(one.client, { refs: [byId(ada)] })
    publish(ada)
    await watch.until(1)
    const resumeToken = watch.token()!
    watch.call.cancel()
    const merged = publish(ada, { mergedInto: bob })
    const won = publish(bob, { mergedFrom: [ada] })
    publish(cy)
    const split = publish(people[3]!, { splitFrom: bob })
    const erased = publish(bob)
    const again = await watching(other.client, { resumeToken })
    await again.until(4)
    const expected = [`${ada} ${merged}`, `${bob} ${won}`, `${people[3]} ${split}`, `${bob} ${erased}`]
    expect([...again.told()].sort()).toEqual(expected.sort())
  })

  test('one who does not keep up is ended with a status, and misses nothing when it comes again', async () => {
    const { instance, publish } = world()
    const { client, watchers } = await instance()
    const watch = await watching(client)
    for (let n = 0; n < 5_000; n++) publish(people[n % 5]!)
    expect(await watch.ended).toMatch('RESOURCE_EXHAUSTED: more than 1000 changes were waiting; watch again')
    expect(watchers.size).toBe(0)
    const again = await watching(client, { resumeToken: watch.token()! })
    await again.until(5_000 - watch.told().length)
    expect(new Set([...watch.told(), ...again.told()]).size).toBe(5_000)
  })

  test('a token whose changes have expired says so', async () => {
    const { instance, publish, forget } = world()
    const { client } = await instance()
    const watch = await watching(client)
    publish(ada)
    await watch.until(1)
    watch.call.cancel()
    publish(ada)
    publish(ada)
    forget()
    const again = await watching(client, { resumeToken: watch.token()! })
    expect(await again.ended).toMatch('OUT_OF_RANGE: the changes since then are no longer kept')
  })

  test('many profiles have a token in some responses, and one is enough to go on', async () => {
    const { instance, publish } = world()
    const { client } = await instance()
    const many = Array.from({ length: 200 }, (_, n) => home(`m${n}`))
    const watch = await watching(client, { refs: many.map(byId) })
    for (const id of many) publish(id)
    await watch.until(200)
    const withToken = watch.responses.filter(({ resumeToken }) => resumeToken.length > 0)
    expect(withToken.length).toBeLessThan(40)
    const again = await watching(client, { resumeToken: withToken[0]!.resumeToken })
    await again.until(199)
    expect(again.told()).toHaveLength(199)
  })
})

describe('from a version', () => {
  test('sends what came after the version of each profile, also when the changes are many', async () => {
    const { instance, publish } = world()
    const held = publish(ada)
    const later: string[] = []
    for (let n = 0; n < 2_000; n++) {
      const version = publish(people[n % 5]!)
      if (n % 5 === 0) later.push(`${ada} ${version}`)
    }
    const { client } = await instance()
    const watch = await watching(client, { refs: [byId(ada)], afterVersions: [held] })
    await watch.until(later.length)
    expect(watch.told()).toEqual(later)
  })

  test('a version that is current goes on from now, though its change has expired', async () => {
    const { instance, publish, forget } = world()
    const [old, held] = [publish(ada), publish(ada)]
    forget()
    const { client } = await instance()
    const watch = await watching(client, { refs: [byId(ada)], afterVersions: [held] })
    const next = publish(ada)
    await watch.until(1)
    expect(watch.told()).toEqual([`${ada} ${next}`])
    const expired = await watching(client, { refs: [byId(ada)], afterVersions: [old] })
    expect(await expired.ended).toMatch('OUT_OF_RANGE')
  })
})
