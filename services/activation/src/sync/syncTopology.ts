/**
 * The sync task: turns changes of profiles and audiences into deliveries. One task per profile partition.
 *
 *      profile-changes ──fold──▶ view of the profile ──┐
 *                                                      ├── mapping ──▶ deliveries
 *      audience-changes ──(waits for its version)──────┘
 *
 * The two inputs are written in one transaction but read apart, so either may come first. Every audience change
 * repeats the version of the profile change it belongs to, and each version has exactly one profile change; that
 * joins them:
 *
 * Invariants:
 *  Y1. An audience change is mapped from a view at its version or newer, never an older one: it waits until the view
 *      has reached it.
 *  Y2. Changes of one kind keep their order per profile. A profile change and an audience change of one batch may
 *      change places; both carry the version.
 *  Y3. Nothing waits for ever: after MAX_WAIT_MS a change whose version never came (its record is older than the
 *      retention) is sent with what is known.
 *  Y4. The same records give the same deliveries with the same ids: no clock, no randomness.
 */
import { type SyncDocument, type WorkspaceConfiguration, holdsState } from '@tributary/configuration'
import { KEY_SEPARATOR, topics, traceHeaders } from '@tributary/contracts'
import { DeliveryRecord } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { Input, Processor, StepContext, TableSpec, Topology } from '@tributary/stream-runtime'
import { jsonCodec } from '../jsonCodec.ts'
import { type AudienceChange, type Change, type ProfileChange, changeOf } from './change.ts'
import { deliveryOf } from './deliveryOf.ts'
import {
  advanceSweeps,
  beginSweeps,
  membershipNumberTable,
  membershipTable,
  noteMembership,
  sweepTable,
} from './existing.ts'
import { type ProfileView, foldChange } from './profileView.ts'
import { concernsProjection } from './projection.ts'
import { wants } from './wants.ts'
import { withdrawalOf } from './withdrawal.ts'

/** Both records are in the log within one transaction, so seconds are enough; minutes also cover a slow restart. */
const MAX_WAIT_MS = 10 * 60_000

const viewTable: TableSpec<ProfileView> = {
  name: 'view',
  changeLog: topics.syncState,
  codec: jsonCodec<ProfileView>(),
}

interface Waiting {
  readonly change: AudienceChange
  readonly createdTimeMs: number
  /** The only sync it is for. */
  readonly sync?: string
  /** Set by the first tick that meets it: the clock of the broker and that of ticks are not one. */
  readonly giveUpMs: number | null
}

/** Key: profile id ‖ version ‖ id of the change. */
export const waitingTable: TableSpec<Waiting> = {
  name: 'waiting',
  changeLog: topics.syncState,
  codec: jsonCodec<Waiting>(),
}

export function createSyncTopology(): Topology<WorkspaceConfiguration> {
  return {
    name: 'sync',
    inputs: [topics.profileChanges, topics.audienceChanges],
    tables: [
      viewTable,
      waitingTable,
      membershipTable,
      membershipNumberTable,
      sweepTable,
    ] as TableSpec<unknown>[],
    metaLog: topics.syncState,
    create: () => new SyncProcessor(),
  }
}

function goneAt(version: string): ProfileView {
  return { version, identifiers: [], paths: {} }
}

class SyncProcessor implements Processor<WorkspaceConfiguration> {
  #workspace: WorkspaceConfiguration | undefined
  /** Time of the newest input, ms since 1970. */
  #nowMs = 0

  step(context: StepContext, input: Input<WorkspaceConfiguration>): void {
    switch (input.kind) {
      case 'configuration':
        this.#workspace = input.configuration.value
        beginSweeps(context, input.configuration.value)
        return
      case 'record': {
        this.#nowMs = Math.max(this.#nowMs, input.record.timestampMs)
        const change = changeOf(input.record)
        if (!change) return
        if (change.of === 'profile') this.#profileChanged(context, change, input.record.timestampMs)
        else this.#audienceChanged(context, change, input.record.timestampMs)
        return
      }
      case 'tick':
        this.#nowMs = Math.max(this.#nowMs, input.nowMs)
        this.#stopWaiting(context, input.nowMs)
        return
      case 'injected':
    }
  }

  endBatch(context: StepContext): void {
    if (!this.#workspace) return
    advanceSweeps(context, this.#workspace, (sync, change) => {
      this.#deliverOrWait(context, change, this.#nowMs, sync)
    })
  }

  #profileChanged(context: StepContext, change: ProfileChange, timestampMs: number): void {
    const { record } = change
    const views = context.table(viewTable)
    const before = views.get(record.profileId)
    const after = foldChange(before, record)
    // Read a second time (V2): it was sent when it came first.
    if (before && after === before) return
    // Of a profile that is gone the version stays, for audience changes of it that are read later (Y1).
    views.put(record.profileId, after ?? goneAt(record.version))
    this.#deliver(context, change, after ?? before, timestampMs)
    this.#release(context, record.profileId, record.version, after ?? before)
  }

  #audienceChanged(context: StepContext, change: AudienceChange, timestampMs: number): void {
    noteMembership(context, change.record)
    if (this.#wanted(change)) this.#deliverOrWait(context, change, timestampMs)
  }

  /** Y1. `sync`: the only one that it is for. */
  #deliverOrWait(
    context: StepContext,
    change: AudienceChange,
    createdTimeMs: number,
    sync?: SyncDocument,
  ): void {
    const { profileId, version } = change.record
    const view = context.table(viewTable).get(profileId)
    if (view && view.version >= version) this.#deliver(context, change, view, createdTimeMs, sync?.id)
    else {
      const key = [profileId, version, change.id].join(KEY_SEPARATOR)
      const waiting = { change, createdTimeMs, giveUpMs: null, ...(sync && { sync: sync.id }) }
      context.table(waitingTable).put(key, waiting)
    }
  }

  /** Audience changes of a profile up to a version, in the order of their versions. */
  #release(context: StepContext, profileId: string, version: string, view: ProfileView | undefined): void {
    const waiting = context.table(waitingTable)
    const from = profileId + KEY_SEPARATOR
    const to = `${profileId}${KEY_SEPARATOR}${version}${KEY_SEPARATOR}~`
    for (const [key, { change, createdTimeMs, sync }] of Array.from(waiting.range(from, to))) {
      waiting.delete(key)
      this.#deliver(context, change, view, createdTimeMs, sync)
    }
  }

  /** Y3. The table is all but always empty, so looking through it costs nothing. */
  #stopWaiting(context: StepContext, nowMs: number): void {
    const waiting = context.table(waitingTable)
    for (const [key, row] of Array.from(waiting.range('', '~'))) {
      if (row.giveUpMs === null) waiting.put(key, { ...row, giveUpMs: nowMs + MAX_WAIT_MS })
      else if (row.giveUpMs <= nowMs) {
        waiting.delete(key)
        const view = context.table(viewTable).get(row.change.record.profileId)
        this.#deliver(context, row.change, view, row.createdTimeMs, row.sync)
      }
    }
  }

  #wanted(change: Change): boolean {
    const workspace = this.#workspace
    if (!workspace) return false
    return [...workspace.syncs.values()].some(
      (sync) => wants(sync, change) || withdraws(workspace, sync, change),
    )
  }

  /** `only`: the sync that it is for; all that want it when not given. */
  #deliver(
    context: StepContext,
    change: Change,
    view: ProfileView | undefined,
    createdTimeMs: number,
    only?: string,
  ): void {
    const workspace = this.#workspace
    if (!workspace) return
    for (const sync of workspace.syncs.values()) {
      const isWanted = only === undefined ? isConcerned(workspace, sync, change, view) : sync.id === only
      if (!isWanted && (only !== undefined || !withdraws(workspace, sync, change))) continue
      const delivery = deliveryOf(sync, change, view, workspace, { createdTimeMs, isWanted })
      const headers = traceHeaders(change.traces ?? [])
      context.send({
        topic: topics.deliveries,
        key: `${delivery.destinationId}${KEY_SEPARATOR}${delivery.profileId}`,
        value: DeliveryRecord.encode({ delivery, stamp: undefined }).finish(),
        ...(headers && { headers }),
      })
    }
  }
}

function isConcerned(
  workspace: WorkspaceConfiguration,
  sync: SyncDocument,
  change: Change,
  view: ProfileView | undefined,
): boolean {
  if (wants(sync, change)) return true
  const destination = workspace.destinations.get(sync.to)
  return (
    destination !== undefined &&
    holdsState(destination) &&
    concernsProjection(sync, destination, change, view)
  )
}

/** What waits of the sync must not be sent any more, though it is not about the change itself. */
function withdraws(workspace: WorkspaceConfiguration, sync: SyncDocument, change: Change): boolean {
  return withdrawalOf(sync, change, workspace.destinations.get(sync.to), workspace, false) !== undefined
}
