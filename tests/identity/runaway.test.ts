/** One value that stands on no list of placeholders, on ten thousand people: found shared, undone, and cheap. */
import { afterEach, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type IdentityChangeRecord, topics } from '@tributary/contracts'
import { type EvidenceMember, type Resolution, evidenceId, profileOf } from '@tributary/domain'
import type { OutputRecord } from '@tributary/stream-runtime'
import { type ResolverOnLmdb, evidenceInput, openResolverOnLmdb } from '../support/resolverOnLmdb.ts'

const PEOPLE = 10_000
/** Some 7 s of work for 20,000 pieces of evidence; a walk through everybody each time would take hours. */
const MAX_CPU_MS = 60_000
/** One batch holds up questions and heartbeats: half a second on a quiet machine, the most a busy one makes of it, ms. */
const MAX_BATCH_MS = 20_000

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
const member = (type: string, value: string): EvidenceMember => ({ type, id: hash(`${type} ${value}`) })
const placeholder = member('email', 'email@notset.invalid')
const user = (n: number): EvidenceMember => member('user_id', `u${n}`)
const device = (n: number): EvidenceMember => member('anonymous_id', `a${n}`)

function seen(members: readonly EvidenceMember[], timeMs: number): Uint8Array {
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return evidenceInput({
    id: evidenceId(sorted, 'co-occurrence', 'web', hash),
    class: 'co-occurrence',
    sourceId: 'web',
    members: sorted,
    firstTimeMs: timeMs,
    messageId: `m${timeMs}`,
    receivedTimeMs: timeMs,
  })
}

const people = Array.from({ length: PEOPLE }, (_, n) => n)
let folder: string
let resolver: ResolverOnLmdb
let sent: readonly OutputRecord[]

afterEach(async () => {
  await resolver.close()
  await rm(folder, { recursive: true, force: true })
})

/** Prints and checks what it took; the longest batch holds up everything else of the process. */
async function run(name: string, inputs: readonly Uint8Array[]): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'tributary-runaway-'))
  const resolutions: Resolution[] = []
  resolver = await openResolverOnLmdb(folder, (each) => void resolutions.push(each))
  const before = process.cpuUsage()
  const started = performance.now()
  sent = resolver.feed(inputs)
  const elapsedMs = performance.now() - started
  const { user: inUser, system } = process.cpuUsage(before)
  const cpuMs = (inUser + system) / 1_000
  const longestMs = resolver.takeLongestBatchMs()
  const largest = resolutions.reduce((most, each) => Math.max(most, each.largestComponent), 0)
  const walked = resolutions.filter((each) => each.recomputed).length
  process.stderr.write(
    `runaway, ${name}: ${inputs.length} inputs in ${Math.round(elapsedMs)} ms (${Math.round(cpuMs)} ms of work), ` +
      `longest batch ${Math.round(longestMs)} ms, largest component ${largest}, walked through ${walked} times\n`,
  )
  expect(cpuMs).toBeLessThan(MAX_CPU_MS)
  expect(longestMs).toBeLessThan(MAX_BATCH_MS)
}

function profile(each: EvidenceMember): string {
  return profileOf(each.id, resolver.rows().identifiers.get(each.id)).identifierId
}

/** Public changes that say that something has become shared. */
function alerts(): readonly NonNullable<IdentityChangeRecord['shared']>[] {
  return sent
    .filter((each) => each.topic === topics.identityChanges)
    .map((each) => JSON.parse(Buffer.from(each.value!).toString()) as IdentityChangeRecord)
    .flatMap(({ shared }) => (shared ? [shared] : []))
}

describe('a value that runs away', () => {
  test('with known users: found shared at the fourth, everybody apart, one alert', async () => {
    await run(
      'with users',
      people.map((n) => seen([user(n), device(n), placeholder], n)),
    )
    expect(profile(placeholder)).toBe(placeholder.id)
    expect(people.every((n) => profile(device(n)) === user(n).id)).toBe(true)
    expect(alerts()).toEqual([[{ identifierId: placeholder.id, type: 'email', joined: 1 }]])
    expect([...resolver.rows().conflicts.range('', '~')]).toEqual([])
  }, 300_000)

  test('with visitors only: found shared by the amount of evidence, everybody apart, one alert', async () => {
    await run(
      'with visitors',
      people.map((n) => seen([device(n), placeholder], n)),
    )
    expect(profile(placeholder)).toBe(placeholder.id)
    expect(people.every((n) => profile(device(n)) === device(n).id)).toBe(true)
    // Fifty devices are what a profile holds: no more have ever been joined.
    expect(alerts()).toEqual([[{ identifierId: placeholder.id, type: 'email', joined: 50 }]])
    expect([...resolver.rows().conflicts.range('', '~')]).toEqual([])
  }, 300_000)

  test('on people who are known already, arriving in no order: each keeps its own', async () => {
    // 7,919 is prime: every person once, in no order.
    const mixed = people.map((n) => (n * 7_919) % PEOPLE)
    await run('on known people', [
      ...people.map((n) => seen([user(n), device(n)], n)),
      ...mixed.map((n) => seen([device(n), placeholder], PEOPLE + n)),
    ])
    expect(profile(placeholder)).toBe(placeholder.id)
    expect(people.every((n) => profile(device(n)) === user(n).id)).toBe(true)
    expect(alerts()).toHaveLength(1)
  }, 300_000)
})
