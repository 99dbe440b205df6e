/** docs/operating/identity.md, step by step, on the real stack: a wrong merge is found, undone, and redone. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServices, type Installation } from '../../deploy/local/src/launcher.ts'
import { runTributary } from '../../deploy/local/src/runTributary.ts'
import { sharedStack } from '../support/testStack.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../support/waitUntil.ts'

const DOCUMENTS = fileURLToPath(new URL('../../examples/shop', import.meta.url))
const MANUAL = new URL('../../docs/operating/identity.md', import.meta.url)

let folder: string
let installation: Installation
/** Commands of the manual that have not been run yet. */
let left: string[]

beforeAll(async () => {
  const manual = await readFile(MANUAL, 'utf8')
  left = [...manual.matchAll(/```sh\n(.*?)```/gs)].flatMap((block) => block[1]!.trim().split('\n'))
  folder = await mkdtemp(join(tmpdir(), 'tributary-e2e-'))
  await cp(DOCUMENTS, join(folder, 'shop'), { recursive: true })
  const prefix = uniquePrefix('merge')
  installation = await startServices(sharedStack(prefix), {
    dataDir: folder,
    settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix, TRIBUTARY_ACTOR: 'Grace' },
    services: [{ service: 'collector' }, { service: 'identity-stitcher' }, { service: 'profile-store' }],
    documents: join(folder, 'shop'),
  })
}, 180_000)

afterAll(async () => {
  await installation?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Runs a line of the manual, or one like it. */
async function run(line: string): Promise<string> {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((word) => word[1] ?? word[2]!).slice(1)
  const { identityStitcher, profileStore } = installation.addresses()
  if (words[0] === 'plan') {
    const place = [join(folder, words[1]!), '--address', identityStitcher!.grpc]
    const { code, stdout, stderr } = await runTributary(['plan', ...place], installation.settings)
    // 2: there are changes.
    if (code !== 2) throw new Error(`the plan ended with ${code}: ${stderr}${stdout}`)
    return stdout
  }
  if (words[0] === 'apply')
    return installation.tributary(['apply', join(folder, words[1]!), ...words.slice(2)])
  if (words[0] === 'rollback') return installation.tributary(words)
  const address = words[0] === 'profile' ? profileStore!.grpc : identityStitcher!.grpc
  return installation.tributary([...words, '--address', address])
}

/** The manual's next command, with what it leaves open. */
function next(expected: RegExp, open: Readonly<Record<string, string>> = {}): string {
  const line = left.shift() ?? ''
  expect(line).toMatch(expected)
  return Object.entries(open).reduce((text, [name, value]) => text.replace(name, value), line)
}

interface Shown {
  readonly profileId: string
  readonly events: number
}

async function profileOf(who: string): Promise<Shown> {
  return JSON.parse(await run(`tributary profile get ${who} --json`)) as Shown
}

async function send(events: readonly Record<string, unknown>[]): Promise<void> {
  const { collector } = installation.addresses()
  await waitUntil('the collector to take a batch', async () => {
    const response = await fetch(`${collector?.http}/v1/batch`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${btoa(`${installation.writeKeys['web']}:`)}`,
      },
      body: JSON.stringify({ batch: events }),
    })
    return response.ok
  })
}

const at = (minute: number): string => new Date(Date.UTC(2026, 4, 1, 12, minute)).toISOString()
const track = (who: Record<string, string>, minute: number) => ({
  type: 'track',
  event: 'Product Viewed',
  messageId: `${Object.values(who).join('-')}-${minute}`,
  timestamp: at(minute),
  ...who,
})
const till = { email: 'till@shop.example' }
const receipt = (anonymousId: string, minute: number) => ({
  type: 'identify',
  anonymousId,
  messageId: `${anonymousId}-receipt`,
  timestamp: at(minute),
  traits: till,
})

test('two visitors with the address of the till are one profile, which shows why', async () => {
  await send([
    track({ anonymousId: 'visitor-1' }, 0),
    track({ anonymousId: 'visitor-1' }, 1),
    track({ anonymousId: 'visitor-2' }, 2),
    receipt('visitor-1', 3),
    receipt('visitor-2', 4),
  ])
  const merged = await waitForValue(
    'one profile with five events',
    () => Promise.all([profileOf('anonymous_id:visitor-1'), profileOf('anonymous_id:visitor-2')]),
    ([one, two]) => one.profileId === two.profileId && one.events === 5,
  )
  expect(merged[0].profileId).toBe(merged[1].profileId)

  const shown = await run(next(/^tributary identity show /))
  expect(shown).toContain('visitor-1-receipt')
  expect(shown).toContain('visitor-2-receipt')
  const why = await run(next(/^tributary identity explain /))
  expect(why).toContain('are one person, by a chain of 2 links')
})

test('declared shared, the two are apart under ids of their own, each with its own events', async () => {
  const answer = await run(next(/^tributary identity shared /))
  expect(answer).toMatch(/^fact \S+ counts since /)
  const factId = /^fact (\S+)/.exec(answer)![1]!

  const why = await run(next(/^tributary identity explain /))
  expect(why).toMatch(/email till@shop\.example|email \w+…/)
  expect(why).toMatch(/was declared shared by Grace at .*: typed by the tills for everyone/)
  const commands = [next(/^tributary profile get .*-1$/), next(/^tributary profile get .*-2$/)]
  const apart = await waitForValue(
    'two profiles with their own events',
    () => Promise.all(commands.map(async (command) => JSON.parse(await run(`${command} --json`)) as Shown)),
    ([one, two]) => one!.profileId !== two!.profileId && one!.events === 2 && two!.events === 1,
  )
  // The receipts are anchored at the address, the stronger identifier of theirs.
  expect(apart.map((each) => each.events)).toEqual([2, 1])

  await run(next(/^tributary identity retract /, { FACT_ID: factId }))
  expect(await run(next(/^tributary identity explain /))).toContain('are one person')
  await waitForValue(
    'one profile again',
    () => profileOf('anonymous_id:visitor-2'),
    (shownNow) => shownNow.events === 5,
  )
})

test('two users joined and separated have their own events and their old ids again', async () => {
  await send(
    ['ada', 'lovelace'].flatMap((userId, index) =>
      Array.from({ length: 10 }, (_, n) => track({ userId }, 10 * index + n)),
    ),
  )
  const both = (): Promise<[Shown, Shown]> =>
    Promise.all([profileOf('user_id:ada'), profileOf('user_id:lovelace')])
  const before = await waitForValue('ten events each', both, (found) =>
    found.every((one) => one.events === 10),
  )
  await run(next(/^tributary identity join /))
  await waitForValue(
    'twenty events',
    both,
    ([one, two]) => one.events === 20 && one.profileId === two.profileId,
  )
  await run(next(/^tributary identity separate /))
  const after = await waitForValue('ten events each', both, (found) =>
    found.every((one) => one.events === 10),
  )
  expect(after.map((each) => each.profileId)).toEqual(before.map((each) => each.profileId))
})

test('rules are changed as the plan says, and changed back', async () => {
  await send(['ada', 'lovelace'].map((userId, n) => track({ userId, anonymousId: 'kiosk' }, 30 + n)))
  const explain = 'tributary identity explain anonymous_id:kiosk user_id:ada'
  await waitForValue(
    'the kiosk to be Ada’s',
    () => run(explain),
    (why) => why.includes('are one person'),
  )
  const file = join(folder, 'shop', 'workspace.yaml')
  const rules = await readFile(file, 'utf8')
  await writeFile(file, rules.replace(/(anonymous_id, maxPerProfile: 50, sharedAfter:) 3/, '$1 1'))
  const plan = await run(next(/^tributary plan /))
  expect(plan).toMatch(/split +1 profile +1 identifier\n/)
  expect(plan).toMatch(/linked → shared +1 identifier\n/)
  expect(plan).toMatch(/anonymous_id \w+… is shared by too many, so it joins nobody/)
  expect(await run(explain)).toContain('are one person')

  const applied = await run(next(/^tributary apply /))
  const revision = Number(/applied as revision (\d+)/.exec(applied)![1])
  expect(await run(next(/^tributary identity explain /))).toContain('is shared by too many')
  await run(next(/^tributary rollback /, { REVISION: String(revision - 1) }))
  expect(await run(next(/^tributary identity explain /))).toContain('are one person')
  expect(left).toEqual([])
})
