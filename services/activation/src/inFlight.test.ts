/** People who merge, split and are erased while their deliveries wait: the sync task, the delivery task and the dispatcher. */
import { expect, test } from '@jest/globals'
import { type ProfileChangeRecord, changeTypes, topics, versionOf } from '@tributary/contracts'
import { type Delivery, DeliveryRecord } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { createMetrics } from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import fc from 'fast-check'
import { createDispatchObserver } from './delivery/dispatchObserver.ts'
import { createDispatcher } from './delivery/dispatcher.ts'
import { createSyncTopology } from './sync/syncTopology.ts'
import { profileChange } from './testing/changes.ts'
import { createFakeTasks } from './testing/fakeTasks.ts'
import { destination, profileSync, workspaceOf } from './testing/workspace.ts'

const MEMBERS = 4
const id = (member: number): string => `${String(member).padStart(32, '0')}-0`
const contactOf = (member: number): string => `c${member}`

/** Members by the profile they are part of, the one it is named after first; what each says, and when it said it. */
interface Member {
  of: number
  plan: string | undefined
  saidAt: number
}

function world() {
  const workspace = workspaceOf(
    destination(),
    profileSync({
      from: { profile: { paths: ['traits.plan'] } },
      fields: { contact: 'identifiers.crm_id', plan: 'traits.plan' },
    }),
  )
  const sync = createProcessorDriver(createSyncTopology())
  sync.configuration(workspace)
  const tasks = createFakeTasks(2)
  /** Contact → plan, as a receiver holds them: what arrives last counts, and the end of a profile is not a plan. */
  const received = new Map<string, unknown>()
  const self = { now: 1_000_000, status: 200 }
  const members: Member[] = []
  /** Members of each profile that lives, in the order in which they came to it. */
  const joined = new Map<number, number[]>()
  let n = 0

  const dispatcher = createDispatcher({
    tasks,
    partitionCount: 2,
    configuration: () => workspace,
    sender: {
      blocked: () => undefined,
      async send(_destination, { type, body }: Delivery) {
        const { contact, plan } = (JSON.parse(body) as { data: { contact: string | null; plan: unknown } })
          .data
        // It arrives, whatever is answered.
        const isState = type !== changeTypes.profileMerged && type !== changeTypes.profileErased
        if (contact !== null && isState && self.status < 500) received.set(contact, plan)
        return { kind: 'status', status: self.status }
      },
    },
    clock: () => self.now,
    random: () => 0,
    observer: createDispatchObserver(createMetrics('x'), createRecordingLogger().logger),
    onFatal: (error) => {
      throw error
    },
  })

  const partsOf = (profile: number) =>
    members.flatMap((each, member) => (each.of === profile ? [{ ...each, member }] : []))
  const planOf = (profile: number): string | undefined =>
    partsOf(profile)
      .toSorted((a, b) => b.saidAt - a.saidAt)
      .find(({ plan }) => plan !== undefined)?.plan
  const identifier = (member: number) => ({ type: 'crm_id', value: contactOf(member) })
  const hasContact = (member: number) => member % 2 === 0

  function publish(profile: number, type: string, over: Partial<ProfileChangeRecord>): void {
    n++
    const record = profileChange(n, { profileId: id(profile), ...over })
    sync.record(topics.profileChanges, {
      key: id(profile),
      value: Buffer.from(JSON.stringify(record)),
      headers: { ce_id: `p-${versionOf(1, n)}`, ce_type: type },
      timestampMs: self.now,
    })
  }
  /** What a profile shows changed from before to now. */
  function told(
    profile: number,
    type: string,
    op: 'c' | 'u',
    before: string | undefined,
    ids: ProfileChangeRecord['identifiers'],
    reason: 'event' | 'identity',
  ): void {
    const plan = planOf(profile)
    const changed = [
      ...(ids.added.length + ids.removed.length > 0 ? ['identifiers'] : []),
      ...(plan === before ? [] : ['traits.plan']),
    ]
    const after = plan === undefined || plan === before ? {} : { 'traits.plan': plan }
    publish(profile, type, {
      op,
      changed,
      after,
      identifiers: ids,
      causedBy: { reason, messageIds: [], sources: ['web'] },
    })
  }
  const ids = (those: readonly number[]) => those.filter(hasContact).map(identifier)

  function say(member: number): void {
    const { of } = members[member]!
    const before = planOf(of)
    members[member] = { of, plan: `plan-${n}`, saidAt: n }
    told(of, changeTypes.profileUpdated, 'u', before, { added: [], removed: [] }, 'event')
  }
  for (let member = 0; member < MEMBERS; member++) {
    members.push({ of: member, plan: `first-${member}`, saidAt: -1 })
    joined.set(member, [member])
    told(member, changeTypes.profileCreated, 'c', undefined, { added: ids([member]), removed: [] }, 'event')
  }
  return Object.assign(self, {
    received,
    say,
    merge(loser: number, winner: number) {
      const [from, into] = [members[loser]!.of, members[winner]!.of]
      if (from === into) return
      const before = planOf(into)
      const moved = joined.get(from)!
      for (const member of moved) members[member]!.of = into
      joined.set(into, [...joined.get(into)!, ...moved])
      joined.delete(from)
      publish(from, changeTypes.profileMerged, {
        op: 'd',
        mergedInto: id(into),
        causedBy: { reason: 'identity', messageIds: [], sources: [] },
      })
      told(into, changeTypes.profileUpdated, 'u', before, { added: ids(moved), removed: [] }, 'identity')
    },
    split(member: number) {
      const { of } = members[member]!
      if (of === member) return
      const before = planOf(of)
      members[member]!.of = member
      joined.set(
        of,
        joined.get(of)!.filter((each) => each !== member),
      )
      joined.set(member, [member])
      told(of, changeTypes.profileUpdated, 'u', before, { added: [], removed: ids([member]) }, 'identity')
      told(
        member,
        changeTypes.profileSplit,
        'c',
        undefined,
        { added: ids([member]), removed: [] },
        'identity',
      )
    },
    async turn() {
      for (const { value } of sync.endBatch()) tasks.arrive(DeliveryRecord.decode(value!).delivery!, self.now)
      for (let i = 0; i < 3; i++) {
        tasks.commit()
        dispatcher.pump()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    /** Contact → plan of the profile that shows it now: the one it has had longest. */
    truth() {
      const found = new Map<string, unknown>()
      for (let profile = 0; profile < MEMBERS; profile++) {
        const shown = (joined.get(profile) ?? []).find(hasContact)
        if (shown !== undefined) found.set(contactOf(shown), planOf(profile))
      }
      return found
    },
    outcomes: tasks.outcomes,
  })
}

test('a merge and an unmerge in flight: in the end the receiver has what holds, whatever failed meanwhile', async () => {
  const member = fc.nat({ max: MEMBERS - 1 })
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('say' as const), member }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('merge' as const), member, into: member }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('split' as const), member }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('status' as const), status: fc.constantFrom(200, 500, 503) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 200_000 }) }),
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 40 }), async (steps) => {
      const w = world()
      await w.turn()
      for (const one of steps) {
        if (one.kind === 'say') w.say(one.member)
        else if (one.kind === 'merge') w.merge(one.member, one.into)
        else if (one.kind === 'split') w.split(one.member)
        else if (one.kind === 'status') w.status = one.status
        else w.now += one.ms
        await w.turn()
      }
      w.status = 200
      for (let i = 0; i < 30; i++) {
        w.now += 400_000
        await w.turn()
      }
      for (const [contact, plan] of w.truth())
        expect([contact, w.received.get(contact)]).toEqual([contact, plan])
    }),
    { numRuns: 150 },
  )
}, 60_000)
