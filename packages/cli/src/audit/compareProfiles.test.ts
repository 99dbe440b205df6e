/** Live profiles beside a fold of the log: what differs is found, what is under way is not, and no value is told. */
import { describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import type { PeopleAsked, PersonRow } from '@tributary/clickhouse-log'
import type { Document } from '@tributary/configuration'
import {
  type FoldableEvent,
  canonicalJsonText,
  foldProfile,
  judgeAudiences,
  publicProfile,
} from '@tributary/domain'
import { profilesText, shareOf } from './auditProfiles.ts'
import type { LiveProfile } from './compareProfile.ts'
import { type ComparePorts, compareProfiles } from './compareProfiles.ts'
import { documentsAsFolded } from './documentsAsFolded.ts'
import { type Person, foldPeople } from './foldPeople.ts'

const DAY_MS = 86_400_000
const NOW_MS = Date.UTC(2026, 5, 1, 12)
const definitions = documentsAsFolded([
  { kind: 'Trait', id: 'orders', count: { event: 'Order Completed' } },
  { kind: 'Trait', id: 'recent', count: { event: 'Order Completed', within: '1d' } },
  { kind: 'Trait', id: 'plan', prefer: ['crm', 'web'] },
  { kind: 'Audience', id: 'buyers', where: { trait: 'orders', gte: 2 } },
] as unknown as Document[])
const all: PeopleAsked = { part: 0, parts: 1 }

const event = (
  n: number,
  anchor: string,
  sourceId = 'web',
  timeMs = NOW_MS - 30 * DAY_MS,
): FoldableEvent => ({
  messageId: `m${n}`,
  sourceId,
  type: n % 2 === 0 ? 'identify' : 'track',
  name: n % 2 === 0 ? '' : 'Order Completed',
  timeMs: timeMs + n,
  identifiers: [
    { type: 'user_id', value: `secret-${anchor}`, id: anchor },
    { type: 'email', value: `secret-${anchor}@shop.example`, id: `e-${anchor}` },
  ],
  payload: { traits: { plan: `secret-${n}` } },
})
const rowsOf = (profileId: string, events: readonly FoldableEvent[]): PersonRow[] => [
  { profileId, kind: 'public' },
  { profileId, kind: 'identifier', identifierId: `e-${profileId}` },
  ...events.map((each) => ({
    profileId,
    kind: 'event' as const,
    filedUnder: each.identifiers[0]!.id,
    event: each,
  })),
]

async function* lots(rows: readonly PersonRow[]): AsyncIterable<readonly PersonRow[]> {
  for (const row of rows) yield [row]
}

async function folded(rows: readonly PersonRow[]): Promise<Person[]> {
  const people: Person[] = []
  for await (const person of foldPeople(lots(rows), definitions.kept)) people.push(person)
  return people
}

/** As the profile task publishes it at a moment. */
async function served(rows: readonly PersonRow[], nowMs = NOW_MS): Promise<[string, LiveProfile]> {
  const [person] = await folded(rows)
  const { profileId, parts } = person!
  const profile = foldProfile(parts, { ...definitions, nowMs })!
  const judged = judgeAudiences(
    definitions.audiences,
    definitions.judged(profileId, profile, nowMs),
    () => false,
  )
  const audiences = Object.fromEntries(
    judged
      .filter(({ judgement }) => judgement.member)
      .map(({ audience }) => [audience.id, { since: 'then' }]),
  )
  const json = canonicalJsonText(publicProfile({ profileId, version: '0001-7', profile, audiences }))
  const { firstSeenMs, lastSeenMs, events } = profile
  return [profileId, { json, firstSeenMs, lastSeenMs, events }]
}

interface World {
  readonly log: Map<string, PersonRow[]>
  readonly live: Map<string, LiveProfile>
  /** What has come when everything has gone through for the nth time. */
  readonly onSettle?: (n: number) => void | Promise<void>
}

function portsOf({ log, live, onSettle }: World): ComparePorts & { settled: number } {
  const ports = {
    settled: 0,
    definitions: () => Promise.resolve(definitions),
    people: (asked: PeopleAsked) =>
      foldPeople(
        lots(
          [...log]
            .filter(([id]) => !('ids' in asked) || asked.ids.includes(id))
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .flatMap(([, rows]) => rows),
        ),
        definitions.kept,
      ),
    live: (ids: readonly string[]) =>
      Promise.resolve(new Map(ids.flatMap((id) => (live.has(id) ? [[id, live.get(id)!] as const] : [])))),
    async settle() {
      await onSettle?.(++ports.settled)
    },
    now: () => NOW_MS,
  }
  return ports
}

const peopleOf = (): Map<string, PersonRow[]> =>
  new Map(
    ['p1', 'p2', 'p3'].map((id, i) => [
      id,
      rowsOf(
        id,
        Array.from({ length: i + 3 }, (_, n) => event(n, id, n % 2 === 0 ? 'web' : 'crm')),
      ),
    ]),
  )

async function levelWorld(): Promise<World> {
  const log = peopleOf()
  return { log, live: new Map(await Promise.all([...log.values()].map((rows) => served(rows)))) }
}

describe('profiles that are what the log gives', () => {
  test('are all fine, without a second look', async () => {
    const ports = portsOf(await levelWorld())
    expect(await compareProfiles(ports, all)).toEqual({
      compared: 3,
      differing: [],
      more: false,
      unsettled: 0,
    })
    expect(ports.settled).toBe(0)
  })

  test('also one that is empty since its events went elsewhere', async () => {
    const world = await levelWorld()
    world.log.set('p4', [{ profileId: 'p4', kind: 'public' }])
    world.live.set('p4', { json: '{"identifiers":[]}', firstSeenMs: 1, lastSeenMs: 2, events: 0 })
    expect((await compareProfiles(portsOf(world), all)).differing).toEqual([])
  })

  test('also while a window has just moved and the task is not told yet', async () => {
    const world = await levelWorld()
    const rows = rowsOf('p1', [event(1, 'p1', 'web', NOW_MS - 25 * 3_600_000 - 60_000)])
    world.log.set('p1', rows)
    world.live.set(...(await served(rows, NOW_MS - 300_000)))
    expect((await compareProfiles(portsOf(world), all)).differing).toEqual([])
  })
})

describe('what is planted is found', () => {
  const changed = (live: LiveProfile, from: string, to: string): LiveProfile => {
    const json = live.json.replace(from, to)
    expect(json).not.toBe(live.json)
    return { ...live, json }
  }
  test.each<[string, (world: World) => void, readonly string[]]>([
    [
      'a trait',
      ({ live }) => live.set('p2', changed(live.get('p2')!, '"plan":"secret-2"', '"plan":"secret-0"')),
      ['traits.plan'],
    ],
    [
      'a membership',
      ({ live }) => live.set('p2', changed(live.get('p2')!, '"buyers":{"since":"then"}', '')),
      ['audiences.buyers'],
    ],
    [
      'an event that was folded twice',
      ({ live }) => live.set('p2', { ...live.get('p2')!, events: 5 }),
      ['events'],
    ],
    [
      'an event that is gone from the log',
      ({ log }) =>
        log.set(
          'p2',
          log.get('p2')!.filter((row) => row.kind !== 'event' || row.event.messageId !== 'm1'),
        ),
      ['audiences.buyers', 'computed.orders', 'events'],
    ],
    ['a profile that is not served', ({ live }) => void live.delete('p2'), ['(missing)']],
    [
      'a profile of nothing in the log',
      ({ log }) => log.set('p2', [{ profileId: 'p2', kind: 'public' }]),
      ['(not in the log)'],
    ],
  ])('%s', async (_what, plant, differs) => {
    const world = await levelWorld()
    plant(world)
    const found = await compareProfiles(portsOf(world), all)
    expect(found).toMatchObject({ compared: 3, unsettled: 0, differing: [{ profileId: 'p2', differs }] })
    expect(JSON.stringify(found)).not.toContain('secret')
  })
})

describe('what is under way is no difference', () => {
  test('an event that is in the log and not folded yet, or folded and not in the log', async () => {
    const world = await levelWorld()
    const late = new Map(world.log)
    late.set('p1', rowsOf('p1', [event(0, 'p1'), event(1, 'p1'), event(3, 'p1')]))
    const ahead = await served(late.get('p1')!)
    const behind = await served([...world.log.get('p3')!])
    world.live.set(...ahead)
    world.live.set('p3', { ...behind[1], events: behind[1].events - 1 })
    const ports = portsOf({
      ...world,
      onSettle() {
        world.log.set('p1', late.get('p1')!)
        world.live.set(...behind)
      },
    })
    expect((await compareProfiles(ports, all)).differing).toEqual([])
  })

  test('who changes at every look is not judged, and counted', async () => {
    const world = await levelWorld()
    world.live.set('p1', { ...world.live.get('p1')!, events: 40 })
    const ports = portsOf({
      ...world,
      onSettle: (n) => void world.live.set('p1', { ...world.live.get('p1')!, events: 40 + n }),
    })
    expect(await compareProfiles(ports, all)).toMatchObject({ differing: [], unsettled: 1 })
  })
})

test('what it prints is what docs/operating/ledger.md shows', () => {
  const page = readFileSync(new URL('../../../../docs/operating/ledger.md', import.meta.url), 'utf8')
  const text = profilesText({
    compared: 1003,
    of: 81_220,
    differing: [
      { profileId: '5f0c8a2be1d94c7795aa0b3b6a3a1c20-0', differs: ['audiences.buyers', 'computed.spend'] },
      { profileId: 'b21e7d5a90f34b16a4d2c0ffee154a77-0', differs: ['(missing)'] },
    ],
    more: false,
    unsettled: 0,
  })
  for (const line of text.split('\n')) expect(page).toContain(line)
})

test('a share is about as many profiles as were asked for, and another one in the next run', () => {
  expect(shareOf(10_000, 1_000, 0)).toEqual({ part: 0, parts: 10 })
  expect(shareOf(10_000, 1_000, 11_000)).toEqual({ part: 1, parts: 10 })
  expect(shareOf(10_000, undefined, 11_000)).toEqual({ part: 0, parts: 1 })
  expect(shareOf(0, 1_000, 11_000)).toEqual({ part: 0, parts: 1 })
})
