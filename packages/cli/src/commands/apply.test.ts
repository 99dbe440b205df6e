import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { topics } from '@tributary/contracts'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { JobRecord, JobState } from '@tributary/contracts/generated/tributary/job/v1/control'
import { nextRevision, toRevisionDocument, type Document } from '@tributary/configuration'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'

const workspace = 'kind: Workspace\nschema: tributary/v1\nid: maison\ntimeZone: Europe/Paris\nregion: FR\n'
const maison: Document = {
  kind: 'Workspace',
  schema: 'tributary/v1',
  id: 'maison',
  timeZone: 'Europe/Paris',
  region: 'FR',
}
const trait = (id: string, event = 'Order Completed') => `kind: Trait\nid: ${id}\ncount: {event: ${event}}\n`
const destination = `kind: Destination\nid: crm\nwebhook: {url: '\${URL}', signingSecret: {file: crm}}\n`

let folder: string
let door: MemoryDoor
let tributary: ReturnType<typeof commandLine>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'))
  mkdirSync(join(folder, 'shop'))
  door = new MemoryDoor()
  tributary = commandLine({ door, cwd: folder })
  files({ 'workspace.yaml': workspace, 'traits.yaml': trait('orders') })
})

afterEach(() => rmSync(folder, { recursive: true }))

function files(texts: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, 'shop', name), text)
}

function progress(job: number, state: JobState, done: number, total: number, message = '', work = '') {
  const record = JobRecord.fromPartial({
    record: { $case: 'progress', value: { job, state, done, total, message, work } },
  })
  door.put(topics.jobs, 0, JobRecord.encode(record).finish(), 1_767_225_599_000)
}

describe('plan', () => {
  test('says what would change with exit code 2, changes nothing, and says nothing with 0 once it is applied', async () => {
    const planned = await tributary('plan', 'shop')
    expect(planned).toMatchObject({ code: 2, err: '' })
    expect(planned.out).toBe(`live (1)
  + workspace/maison

back-fill (1)
  + trait/orders  what the log has of earlier events is added before it shows

2 changes on revision 0: 1 live, 1 back-fill`)
    expect((await tributary('history')).out).toMatch('no revision yet')
    await tributary('apply', 'shop')
    expect(await tributary('plan', 'shop')).toMatchObject({
      code: 0,
      out: 'no changes: revision 1 is what the files say',
    })
  })

  test('shows the fields of a changed document', async () => {
    await tributary('apply', 'shop')
    files({ 'traits.yaml': trait('orders', 'Order Paid') })
    const { out, code } = await tributary('plan', 'shop')
    expect(code).toBe(2)
    expect(out).toMatch('  ~ trait/orders')
    expect(out).toMatch('      count.event  "Order Completed" → "Order Paid"')
  })

  test('names what is in force but not in the files, and deletes it with --prune only', async () => {
    files({ 'more.yaml': trait('visits') })
    await tributary('apply', 'shop')
    rmSync(join(folder, 'shop', 'more.yaml'))
    expect((await tributary('plan', 'shop')).out).toMatch(
      'trait/visits is in force but not in the files; --prune would delete it',
    )
    expect((await tributary('plan', 'shop', '--prune')).out).toMatch('  - trait/visits')
    await tributary('apply', 'shop', '--prune')
    expect(JSON.parse((await tributary('status', '--json')).out)).toMatchObject({
      revision: { number: 2, documents: { Trait: 1 } },
    })
  })

  test('what would break a contract is refused with the reason, by plan and by apply, and nothing is written', async () => {
    await tributary('apply', 'shop')
    files({ 'workspace.yaml': workspace.replace('maison', 'other') })
    const planned = await tributary('plan', 'shop', '--prune')
    expect(planned.code).toBe(1)
    expect(planned.out).toMatch(/refused \(2\)\n.* {2}~? ?.*workspace\/maison {2}a workspace keeps its id/s)
    const applied = await tributary('apply', 'shop', '--prune')
    expect(applied.code).toBe(1)
    expect(applied.err).toMatch(
      /2 changes cannot be applied; nothing was written:\n {2}workspace\/maison: a work/,
    )
    expect((await tributary('history', '--json')).out).not.toMatch('"revision": 2')
  })

  test('what moves anchors is for the next layout epoch: others keep what they have, and it can be taken back', async () => {
    const later = commandLine({
      door: Object.assign(Object.create(door), { epoch: 2 }) as MemoryDoor,
      cwd: folder,
    })
    await tributary('apply', 'shop')
    files({ 'workspace.yaml': workspace.replace('FR', 'DE') })
    const planned = await tributary('plan', 'shop')
    expect(planned.code).toBe(2)
    expect(planned.out).toMatch(
      /rebuild \(1\)\n {2}~ workspace\/maison {2}phone numbers get other identifiers/,
    )
    const early = await tributary('apply', 'shop')
    expect(early.code).toBe(1)
    expect(early.err).toContain(
      'so it holds from layout epoch 2 on: run it with LAYOUT_EPOCH=2, then rebuild',
    )

    const applied = await later('apply', 'shop')
    expect(applied.out).toContain('applied as revision 2, for layout epoch 2')
    const inForce = async (of: typeof later) =>
      (JSON.parse((await of('status', '--json')).out) as { revision: { number: number } }).revision.number
    expect([await inForce(tributary), await inForce(later)]).toEqual([1, 2])

    // A trait made meanwhile would undo what the coming epoch is built with.
    files({ 'traits.yaml': trait('visits') })
    const meanwhile = await tributary('apply', 'shop')
    expect(meanwhile.code).toBe(1)
    expect(meanwhile.err).toContain('revision 2 is for layout epoch 2, which is being built')
    expect((await later('apply', 'shop', '--prune')).out).toContain(
      'applied as revision 3, for layout epoch 2',
    )
    expect([await inForce(tributary), await inForce(later)]).toEqual([1, 3])

    expect((await tributary('rollback', '1')).out).toContain('applied as revision 4')
    expect([await inForce(tributary), await inForce(later)]).toEqual([4, 4])
  })

  test('wrong documents are refused with file, line and column before anything is written', async () => {
    files({ 'traits.yaml': `${trait('orders')}within: 3d\n` })
    const { code, err } = await tributary('apply', 'shop')
    expect(code).toBe(1)
    expect(err).toBe(
      'error: 1 problem in the documents:\n  shop/traits.yaml:4:1: unknown key `within`; known are name, description, sum, first, last, min, max, average, mostFrequent, uniqueList, distinct, prefer',
    )
  })
})

describe('apply', () => {
  test('writes a revision with author, message and time, and doing it again changes nothing', async () => {
    const applied = await tributary('apply', 'shop', '-m', 'the first', '--author', 'grace')
    expect(applied).toMatchObject({ code: 0 })
    expect(applied.out).toMatch(/applied as revision 1$/)
    expect(await tributary('apply', 'shop')).toMatchObject({
      code: 0,
      out: 'no changes: revision 1 is what the files say',
    })
    expect((await tributary('history')).out).toBe(
      'REVISION  TIME                  AUTHOR  CHANGES  MESSAGE\n1         2026-01-01 00:00:00Z  grace   2        the first',
    )
    expect(door.closed).toBe(3)
  })

  test('of two at once the one that comes second is told by whom it lost, and can apply again', async () => {
    await tributary('apply', 'shop')
    files({ 'more.yaml': trait('visits') })
    door.beforeAppend = () => {
      const other = nextRevision(
        Revision.fromPartial({ revision: 1 }),
        [toRevisionDocument(maison, 'files')],
        {
          author: 'grace',
          message: 'mine',
          createdAtMs: 0,
        },
      )
      door.put(topics.config, 0, Revision.encode(other).finish())
    }
    const lost = await tributary('apply', 'shop')
    expect(lost.code).toBe(1)
    expect(lost.err).toBe(
      'error: grace applied revision 2 (mine) first; nothing of yours holds. Look at it with `tributary diff 1 2` and apply again',
    )
    expect((await tributary('apply', 'shop')).out).toMatch(/applied as revision 3$/)
    expect((await tributary('history')).out).toMatch('ignored: another came first')
  })

  test('a plan that was kept is applied exactly so, or refused when another revision came in between', async () => {
    await tributary('plan', 'shop', '--out', 'p.json')
    files({ 'traits.yaml': trait('something-else') })
    expect((await tributary('apply', 'p.json')).out).toMatch(/\+ trait\/orders[^]*applied as revision 1$/)
    expect((await tributary('apply', 'p.json')).err).toBe(
      'error: p.json was made on revision 0, but revision 1 is in force: make a new plan and look at it',
    )
  })

  test('a plan that was changed by hand is refused', async () => {
    await tributary('plan', 'shop', '--out', 'p.json')
    const path = join(folder, 'p.json')
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('Order Completed', 'Order Paid'))
    expect((await tributary('apply', 'p.json')).err).toMatch('Trait orders does not fit its hash')
    writeFileSync(path, '{"format":"other"}')
    expect((await tributary('apply', 'p.json')).err).toMatch('p.json is no plan of this version')
  })

  test('what the documents leave open is filled in with --set', async () => {
    files({ 'destination.yaml': destination })
    expect((await tributary('apply', 'shop')).err).toMatch(
      'shop/destination.yaml:3:16: ${URL} has no value: give it with --set URL=…',
    )
    expect(await tributary('apply', 'shop', '--set', 'URL=http://127.0.0.1:9911/hooks')).toMatchObject({
      code: 0,
    })
    expect((await tributary('diff', '0', '1', '--json')).out).toMatch('destination/crm')
    expect((await tributary('validate', 'shop', '--set', 'url=x')).err).toMatch('--set takes NAME=VALUE')
  })

  test('--wait ends when the job of the revision is done, shows its progress, and fails with it', async () => {
    progress(0, JobState.JOB_STATE_DONE, 4, 4)
    expect(await tributary('apply', 'shop', '--wait')).toMatchObject({
      code: 0,
      err: 'job 0: done, 4 of 4 steps',
    })
    files({ 'traits.yaml': trait('orders', 'Order Paid') })
    progress(2, JobState.JOB_STATE_FAILED, 1, 4, 'no room')
    const failed = await tributary('apply', 'shop', '--wait')
    expect(failed.code).toBe(1)
    expect(failed.err).toMatch('error: job 2 failed: no room')
    expect(await tributary('status')).toMatchObject({
      code: 2,
      out: expect.stringMatching(/revision 2 {2}failed {2}1\/4 {2}1 s ago {2}no room/),
    })
  })

  test('--wait waits until everybody is resolved under new rules, with rate and what is left', async () => {
    const identity = (sharedAfter: number) =>
      `kind: Identity\nid: default\ntypes: [{type: user_id, strength: strong}, {type: email, sharedAfter: ${sharedAfter}}]\n`
    files({ 'identity.yaml': identity(3) })
    await tributary('apply', 'shop')
    files({ 'identity.yaml': identity(9) })
    const { JOB_STATE_RUNNING, JOB_STATE_DONE } = JobState
    progress(2, JOB_STATE_RUNNING, 0, 0, '', 'identity')
    const waiting = await tributary('apply', 'shop', '--wait', '--timeout', '0')
    expect(waiting.code).toBe(1)
    expect(waiting.err).toBe(
      'job 2: identity: running, 0 identifiers\n' +
        'error: job 2 is not done after 0 s (identity: running, 0 identifiers); it goes on: see `tributary status`',
    )
    progress(2, JOB_STATE_DONE, 30_000, 30_000, 'everybody is resolved under the new rules', 'identity')
    expect(await tributary('apply', 'shop', '--wait')).toMatchObject({
      code: 0,
      err: 'job 2: identity: done, 30000 identifiers',
    })
    expect((await tributary('status')).out).toMatch(
      /revision 2 {2}done {2}30000\/30000 {2}1 s ago {2}identity: everybody is resolved under the new rules/,
    )
  })

  test('--wait says that no service took the job up, and that the revision is written', async () => {
    const { code, err } = await tributary('apply', 'shop', '--wait', '--timeout', '0')
    expect(code).toBe(1)
    expect(err).toMatch(
      'no service has taken job 0 up within 0 s: is the profile-store running? The revision is written',
    )
  })

  test('what needs no job is not waited for', async () => {
    rmSync(join(folder, 'shop', 'traits.yaml'))
    expect(await tributary('apply', 'shop', '--wait', '--timeout', '0')).toMatchObject({ code: 0 })
  })

  test('without a config topic it says how to make one', async () => {
    const empty = commandLine({ door: new MemoryDoor([]), cwd: folder })
    expect((await empty('apply', 'shop')).err).toBe(
      'error: the topic cdp.internal.config.v1 does not exist; create the topics with `tributary topics create`',
    )
  })
})

describe('going back, and out', () => {
  test('rollback writes a new revision with what the earlier one held', async () => {
    await tributary('apply', 'shop')
    files({ 'more.yaml': trait('visits') })
    await tributary('apply', 'shop')
    expect((await tributary('rollback', '1')).out).toMatch(/ {2}- trait\/visits[^]*applied as revision 3$/)
    expect(await tributary('diff', '1', '3')).toMatchObject({ code: 0, out: 'no difference' })
    expect((await tributary('history')).out).toMatch('back to revision 1')
    expect((await tributary('rollback', '9')).err).toBe(
      'error: there is no revision 9; see `tributary history`',
    )
  })

  test('pull writes what apply would take as no change', async () => {
    await tributary('apply', 'shop')
    expect((await tributary('pull', 'copy')).out).toBe('wrote 2 documents of revision 1 to copy')
    expect(await tributary('plan', 'copy', '--prune')).toMatchObject({ code: 0 })
    expect((await tributary('pull', 'copy')).err).toMatch('copy is not empty')
  })
})

test('--wait is content when a newer revision is through', async () => {
  progress(2, JobState.JOB_STATE_DONE, 1, 1)
  expect(await tributary('apply', 'shop', '--wait', '--timeout', '0')).toMatchObject({ code: 0 })
})
