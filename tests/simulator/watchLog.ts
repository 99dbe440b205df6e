/**
 * What must hold after every committed transaction and every write of a store, whatever has happened.
 *
 *  W1. The numbers of a writer in a partition go on without a gap: by stamp in internal topics, by ce_id in public ones.
 *  W2. Each number n of a partition's profile changes has exactly one change, in order; whatever else is told of a
 *      profile names a change of the same transaction.
 *  W3. A change follows the change of the same profile that it names.
 *  W4. A task's positions, clock, numbers and adopted configuration never go back; each batch is the next one.
 *  W5. No event is skipped twice, no delivery is written twice, none ends twice.
 *  W6. Profiles begin to show a definition only when every partition of the events has adopted it.
 *  W7. A store after batch n holds the same bytes, on whichever node, committed there or restored.
 */
import { type ProfileChangeRecord, type PartitionCounts, topics, versionOf } from '@tributary/contracts'
import {
  DeliveryOutcome,
  DeliveryRecord,
  OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { ControlStep, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { readStamp } from '../chaos/readStamp.ts'
import type { CommittedRecord } from './simulatedLog.ts'
import type { WatchStore } from './simulatedDisk.ts'

export type Fail = (invariant: string, detail: string) => void

const META_KEY = '!meta'
const CLAIM_KEY = '!claim'

interface Meta {
  readonly transaction: number
  readonly clockMs: number
  readonly configurationOffset: number | null
  readonly positions: Readonly<Record<string, number>>
  readonly sequences: Readonly<Record<string, number>>
}

interface Told {
  readonly profileId: string
  readonly version: string
}

interface Membership extends Told {
  readonly audience: string
  readonly member: boolean
}

export class LogWatch {
  /** Every profile change, in the order of its partition. */
  readonly changes: CommittedRecord[] = []
  readonly audienceChanges: CommittedRecord[] = []
  /** What compaction would leave of these topics. */
  readonly profiles = new Map<string, unknown>()
  readonly memberships = new Map<string, Membership>()
  readonly deliveries: {
    key: string
    id: string
    changeId: string
    syncId: string
    filtered: boolean
    /** Those of its sync and key that were made before it are not sent any more. */
    withdraws: boolean
  }[] = []
  readonly ended = new Map<string, OutcomeKind>()
  /** Identifiers that an assignment ever spoke of. */
  readonly assigned = new Set<string>()
  skipped = 0
  batches = 0
  readonly #skippedAt = new Set<string>()
  readonly #delivered = new Set<string>()
  readonly #last = new Map<string, number>()
  readonly #versions = new Map<string, string>()
  readonly #metas = new Map<string, Meta>()
  readonly #answered = new Set<string>()
  readonly #sums = new Map<string, number>()
  readonly #counts: PartitionCounts
  readonly #fail: Fail

  constructor(counts: PartitionCounts, fail: Fail) {
    this.#counts = counts
    this.#fail = fail
  }

  committed(id: string, records: readonly CommittedRecord[]): void {
    const told = new Set<string>()
    let metas = 0
    for (const record of records) if (record.topic === topics.profileChanges) told.add(this.#change(record))
    for (const record of records) {
      if (record.key === META_KEY) {
        metas++
        this.#meta(id, record)
      } else this.#numbered(id, record)
      this.#content(record, told)
    }
    const claims = records.every(({ key }) => key === CLAIM_KEY)
    if (claims) return
    this.batches++
    if (metas !== 1) this.#fail('a batch is committed with its meta', `${id}: ${metas} of them`)
  }

  /** W7. */
  readonly stored: WatchStore = ({ group, partition }, write, store, sum) => {
    const isBatch = write.deletedRanges === undefined && write.rows.some(({ key }) => key === META_KEY)
    const isRestored = write.rows.length === 0 && write.ends.size === 0
    const meta = isBatch || isRestored ? store.get(META_KEY) : undefined
    if (!meta) return
    const { transaction } = JSON.parse(Buffer.from(meta).toString()) as Meta
    const key = `${group}.${partition} after batch ${transaction}`
    const known = this.#sums.get(key)
    if (known === undefined) this.#sums.set(key, sum)
    else if (known !== sum)
      this.#fail(
        'a restored store equals the lost one',
        `${key}: ${isBatch ? 'committed' : 'restored'} it holds other bytes than before`,
      )
  }

  #meta(id: string, { value }: CommittedRecord): void {
    const meta = JSON.parse(Buffer.from(value!).toString()) as Meta
    const before = this.#metas.get(id)
    this.#metas.set(id, meta)
    if (!before) return
    const back = [
      ...(meta.transaction === before.transaction + 1 ? [] : ['transaction']),
      ...(meta.clockMs >= before.clockMs ? [] : ['clock']),
      ...((meta.configurationOffset ?? -1) >= (before.configurationOffset ?? -1) ? [] : ['configuration']),
      ...wentBack(before.positions, meta.positions),
      ...wentBack(before.sequences, meta.sequences),
    ]
    if (back.length > 0)
      this.#fail(
        'positions never go back',
        `${id}: ${back.join()}: ${JSON.stringify(before)} then ${JSON.stringify(meta)}`,
      )
  }

  /** W1. */
  #numbered(id: string, { topic, partition, value, headers }: CommittedRecord): void {
    const where = `${topic.name}/${partition}`
    if (topic.stamped && value) {
      const stamp = readStamp(value)
      this.#next(`${where} by ${stamp?.writer} in epoch ${stamp?.epoch}`, stamp?.seq)
      const [, topology, , task] = id.split('.')
      if (stamp?.writer !== `${topology}-${task}`)
        this.#fail('stamps name their writer', `${where}: ${stamp?.writer} in a transaction of ${id}`)
    } else if (headers?.['ce_id']) this.#next(where, Number(headers['ce_id'].split('-').at(-1)))
  }

  #next(series: string, found: number | undefined): void {
    const due = (this.#last.get(series) ?? 0) + 1
    if (found !== due) this.#fail('numbers have no gap', `${series}: ${String(found)} where ${due} was due`)
    this.#last.set(series, due)
  }

  /** W2, W3: gives "profile version". */
  #change(record: CommittedRecord): string {
    const change = read(record) as ProfileChangeRecord
    const series = `version of ${record.topic.name}/${record.partition}`
    const n = (this.#last.get(series) ?? 0) + 1
    this.#last.set(series, n)
    if (change.version !== versionOf(1, n))
      this.#fail('each n has one change', `${series}: ${change.version} where ${versionOf(1, n)} was due`)
    const before = this.#versions.get(change.profileId) ?? null
    if (change.previousVersion !== before)
      this.#fail(
        'a change follows the one it names',
        `${change.profileId} ${change.version}: after ${String(before)}, it says ${String(change.previousVersion)}`,
      )
    this.#versions.set(change.profileId, change.version)
    this.changes.push(record)
    return `${change.profileId} ${change.version}`
  }

  #content(record: CommittedRecord, told: ReadonlySet<string>): void {
    const { topic, key, value } = record
    if (!value) return
    if (topic === topics.profiles) {
      const state = read(record) as Told
      this.#isTold(state, told, topic.name)
      this.profiles.set(key!, state)
    } else if (topic === topics.audienceMemberships) {
      const state = read(record) as Membership
      this.#isTold(state, told, topic.name)
      this.memberships.set(key!, state)
    } else if (topic === topics.audienceChanges) {
      this.#isTold(read(record) as Told, told, topic.name)
      this.audienceChanges.push(record)
    } else if (topic === topics.skipped) this.#skip(Skipped.decode(value))
    else if (topic === topics.assignments) this.assigned.add(key!)
    else if (topic === topics.deliveries) this.#delivery(key!, value)
    else if (topic === topics.deliveryOutcomes) this.#outcome(DeliveryOutcome.decode(value))
    else if (topic === topics.jobs) this.#job(JobRecord.decode(value))
    else if (topic === topics.profileParts) this.#part(PartRecord.decode(value))
  }

  #isTold(of: Told, told: ReadonlySet<string>, topic: string): void {
    const name = `${of.profileId} ${of.version}`
    if (!told.has(name)) this.#fail('what is told of a profile names a change', `${topic}: ${name}`)
  }

  #skip({ partition, offset, reason }: Skipped): void {
    const at = `${partition}/${offset}`
    if (this.#skippedAt.has(at)) this.#fail('no event is skipped twice', at)
    this.#skippedAt.add(at)
    // What is skipped as blocked is filed under another identifier, or under nobody.
    if (reason !== SkipReason.SKIP_REASON_BLOCKED) this.skipped++
  }

  #delivery(key: string, value: Uint8Array): void {
    const { delivery } = DeliveryRecord.decode(value)
    const { id, changeId, syncId, filtered, withdraws } = delivery!
    if (this.#delivered.has(id)) this.#fail('no delivery is written twice', `${syncId} of ${changeId}`)
    this.#delivered.add(id)
    this.deliveries.push({
      key,
      id,
      changeId,
      syncId,
      filtered: filtered !== '',
      withdraws: withdraws !== '',
    })
  }

  #outcome({ deliveryId, kind }: DeliveryOutcome): void {
    if (kind === OutcomeKind.OUTCOME_KIND_RETRY) return
    const isWithdrawn =
      this.ended.get(deliveryId) === OutcomeKind.OUTCOME_KIND_DEAD &&
      kind === OutcomeKind.OUTCOME_KIND_FILTERED
    if (this.ended.has(deliveryId) && !isWithdrawn) this.#fail('no delivery ends twice', deliveryId)
    this.ended.set(deliveryId, kind)
  }

  #job({ record }: JobRecord): void {
    if (record?.$case !== 'answered') return
    const { job, document, hash, step, topic, partition } = record.value
    this.#answered.add([job, document, hash, step, topic, partition].join(' '))
  }

  /** W6. */
  #part({ record }: PartRecord): void {
    if (record?.$case !== 'control' || record.value.step !== ControlStep.CONTROL_STEP_SWITCH) return
    const { job, document, hash } = record.value
    for (let partition = 0; partition < this.#counts.identifier; partition++)
      if (
        !this.#answered.has(
          [job, document, hash, ControlStep.CONTROL_STEP_ADOPT, topics.events.name, partition].join(' '),
        )
      )
        this.#fail(
          'shown only when all have adopted',
          `${document} of job ${job}: partition ${partition} has not`,
        )
  }
}

function wentBack(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(before)
    .filter(([name, value]) => (after[name] ?? -1) < value)
    .map(([name]) => name)
}

export function read({ value }: { readonly value: Uint8Array | null }): unknown {
  return JSON.parse(Buffer.from(value!).toString())
}
