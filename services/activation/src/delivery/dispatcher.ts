/**
 * The edge of the delivery tasks: reads what is due from their committed state, sends it, and injects the answers.
 *
 *      committed state ──due──▶ pump ──limits──▶ send ──answer──▶ inject ──▶ the task commits ──▶ pump
 *
 * Invariants:
 *  W1. At most one call per (destination, profile) is under way, and the next one is only sent from a committed state
 *      that knows the answer to the last: that is what keeps the order.
 *  W2. Each destination has its own rate, its own concurrency and its own state: none waits for another.
 *  W3. What is held in memory is bounded by the calls under way; everything that waits, waits in the tasks' state.
 *  W4. An answer that gets lost (the partition moved, the process died) leads to the same call again, under the same
 *      id: at least once. While the partition stays here no answer is lost, however long its commit takes: a task that
 *      is opened again still has what was injected.
 */
import type { DestinationDocument, WorkspaceConfiguration } from '@tributary/configuration'
import type { Delivery, PendingDelivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { ActiveSpan, Tracing } from '@tributary/service-kit'
import type { StateView, TaskGroup } from '@tributary/stream-runtime'
import { backOff } from './backOff.ts'
import { type Answer, classify } from './classify.ts'
import type { Injected } from './deliveryTopology.ts'
import { type Admission, admission } from './destinationState.ts'
import type { DispatchObserver } from './dispatchObserver.ts'
import { type DeliveryFile, fileOf, sealOf } from './files.ts'
import { destinationTable, dueBy, dueTable, queueTable } from './queueRows.ts'
import { limitsOf } from './usualLimits.ts'
import { type RateLimit, createRateLimit } from './rateLimit.ts'

/** The tasks of this process, as the dispatcher needs them. */
export type DeliveryTasks = Pick<TaskGroup<Injected>, 'tasks' | 'view' | 'inject'>

/** One kind of destination. Never throws for what the other side does: that is an answer. */
export interface Sender {
  /** What keeps it from sending at all, for example a secret that is not mounted; undefined when nothing does. */
  blocked(destination: DestinationDocument): { readonly code: string; readonly message: string } | undefined
  send(destination: DestinationDocument, delivery: Delivery, signal: AbortSignal): Promise<Answer>
  /** For a kind whose deliveries go in files (files.ts). */
  readonly files?: Files | undefined
}

export interface Files {
  /** Longest time a change waits for others to share its file, ms; undefined: this destination takes no files. */
  longestMs(destination: DestinationDocument): number | undefined
  send(destination: DestinationDocument, file: DeliveryFile, signal: AbortSignal): Promise<Answer>
}

export interface DispatcherOptions {
  readonly tasks: DeliveryTasks
  /** Partitions of the deliveries in all; a process takes its share of each limit. */
  readonly partitionCount: number
  readonly configuration: () => WorkspaceConfiguration | undefined
  readonly sender: Sender
  readonly clock: () => number
  readonly random: () => number
  readonly observer: DispatchObserver
  readonly tracing?: Tracing
  /** A bug or a lost task while an answer is handed over: the process cannot go on. */
  readonly onFatal: (error: unknown) => void
}

/** How long a stop waits for the last answers to be committed: a few transactions. */
const MAX_COMMIT_WAIT_MS = 2_000
const COMMIT_POLL_MS = 20

interface Call {
  readonly attempt: number
  /** Its answer has been injected. */
  answered?: true
}

interface Lane {
  readonly rate: RateLimit
  /** By partition and key of the row. Stays after the answer until that is committed (W1). */
  readonly calls: Map<string, Call>
  /** Calls without an answer yet. */
  underWay: number
  lastDeliveredMs: number
}

export interface Dispatcher {
  /** Sends whatever may be sent now. Cheap when there is nothing; call it on every commit and every quarter second. */
  pump(): void
  /**
   * The partitions this process owns now. An answer for another one went with it before it was committed; should the
   * partition come back, the call is made again (W4).
   */
  assigned(partitions: readonly number[]): void
  /** Sends nothing more; waits for the answers under way, at most `graceMs`, and for their commit. */
  stop(graceMs: number): Promise<void>
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { tasks, clock, observer, partitionCount } = options
  const lanes = new Map<string, Lane>()
  const running = new Set<Promise<void>>()
  /** Destinations with a place that has become free. */
  const freed = new Set<string>()
  const abort = new AbortController()
  let stopped = false

  function laneOf(destination: string): Lane {
    let lane = lanes.get(destination)
    if (!lane) {
      lane = { rate: createRateLimit(), calls: new Map(), underWay: 0, lastDeliveredMs: 0 }
      lanes.set(destination, lane)
    }
    return lane
  }

  function ownedViews(): StateView[] {
    return tasks
      .tasks()
      .map(({ partition }) => tasks.view(partition))
      .filter((view) => view !== undefined)
  }

  function pump(only?: string): void {
    const workspace = options.configuration()
    if (stopped || !workspace) return
    const views = ownedViews()
    if (views.length === 0) return
    for (const destination of workspace.destinations.values()) {
      if (only !== undefined && destination.id !== only) continue
      pumpOne(destination, workspace.hashOf(`destination/${destination.id}`) ?? '', views)
    }
  }

  function pumpOne(destination: DestinationDocument, document: string, views: readonly StateView[]): void {
    const lane = laneOf(destination.id)
    const now = clock()
    forgetSettled(lane, views)
    const admitted = admit(destination, document, views, lane, now)
    if (admitted.kind === 'held') {
      observer.held(destination.id, admitted.mode, admitted.code, admitted.message)
      return
    }
    observer.open(destination.id)
    const share = views.length / partitionCount
    const limits = limitsOf(destination)
    const perSecond = limits.perSecond * share
    const concurrent = Math.max(1, Math.round(limits.concurrent * share))
    const longestMs = options.sender.files?.longestMs(destination)
    let free = (admitted.kind === 'probe' ? 1 : concurrent) - lane.underWay
    if (free <= 0) return
    for (const due of dueRows(destination.id, views, now, lane.calls.size + free)) {
      const id = `${due.view.partition}/${due.key}`
      if (lane.calls.has(id)) continue // W1
      if (due.row.withdrawn !== '' && due.row.fileEnd === '') {
        const { delivery } = due.row
        tasks.inject(due.view.partition, {
          command: 'withdraw',
          row: due.key,
          deliveryId: delivery.id,
          atMs: now,
        })
        continue
      }
      if (longestMs !== undefined && due.row.fileEnd === '') {
        const sealing = sealOf({ ...due, delivery: due.row.delivery }, now, longestMs)
        if (sealing) tasks.inject(due.view.partition, sealing)
        continue
      }
      if (!lane.rate.take(now, perSecond)) return
      start(destination, document, lane, due, id)
      free -= 1
      if (free === 0) return
    }
  }

  function admit(
    destination: DestinationDocument,
    document: string,
    views: readonly StateView[],
    lane: Lane,
    now: number,
  ): Admission & { readonly message?: string } {
    if (destination.disabled === true) return { kind: 'held', mode: 'disabled', code: 'DISABLED_BY_DOCUMENT' }
    const blocked = options.sender.blocked(destination)
    if (blocked) return { kind: 'held', mode: 'paused', ...blocked }
    const states = views
      .map((view) => view.table(destinationTable).get(destination.id))
      .filter((state) => state !== undefined)
    return admission(states, now, document, lane.lastDeliveredMs)
  }

  function start(
    destination: DestinationDocument,
    document: string,
    lane: Lane,
    due: DueRow,
    id: string,
  ): void {
    const call: Call = { attempt: due.row.attempts + 1 }
    lane.calls.set(id, call)
    lane.underWay += 1
    const done = deliver(destination, document, lane, due, call)
      .catch(options.onFatal)
      .finally(() => running.delete(done))
    running.add(done)
  }

  async function deliver(
    destination: DestinationDocument,
    document: string,
    lane: Lane,
    due: DueRow,
    call: Call,
  ): Promise<void> {
    const startedMs = clock()
    const span = options.tracing?.begin(`deliver ${destination.id}`, 'client', [due.row.delivery.traceparent])
    // Whoever receives it goes on with the trace.
    const delivery = { ...due.row.delivery, traceparent: span?.traceparent ?? '' }
    const { files } = options.sender
    // What began a file goes alone when its destination has become one that takes none.
    const isFile = files?.longestMs(destination) !== undefined && due.row.fileEnd !== ''
    const file = isFile ? fileOf({ ...due, delivery }, due.row.fileEnd) : undefined
    const answer =
      files && file
        ? await files.send(destination, file, abort.signal)
        : await options.sender.send(destination, delivery, abort.signal)
    const atMs = clock()
    call.answered = true
    lane.underWay -= 1
    // A call that was cut off by the stop says nothing about the destination (W4).
    if (abort.signal.aborted) return
    tellTrace(span, destination.id, answer)
    observer.answered(destination.id, answer, {
      tookMs: atMs - startedMs,
      sinceChangeMs: atMs - delivery.createdTimeMs,
      sinceReceiptMs: delivery.receivedTimeMs === 0 ? undefined : atMs - delivery.receivedTimeMs,
    })
    const { verdict, code } = classify(answer)
    if (verdict === 'delivered') lane.lastDeliveredMs = atMs
    const givenUp =
      verdict === 'item' || (verdict === 'retry' && backOff(due.row.failures + 1, 0) === undefined)
    if (givenUp) observer.dead(destination.id, code, span?.traceparent)
    const taken = tasks.inject(due.view.partition, {
      row: due.key,
      deliveryId: delivery.id,
      attempt: call.attempt,
      fileEnd: isFile ? due.row.fileEnd : '',
      leftOut: file?.leftOut ?? [],
      answer,
      atMs,
      random: options.random(),
      document,
    })
    // The partition went elsewhere during the call: nobody here will commit the answer (W4).
    if (!taken) lane.calls.delete(`${due.view.partition}/${due.key}`)
    // The place is free for another profile; the row itself stays closed until its answer is committed.
    pumpSoon(destination.id)
  }

  /** Once for all answers that come together. */
  function pumpSoon(destination: string): void {
    if (freed.size === 0)
      queueMicrotask(() => {
        const now = [...freed]
        freed.clear()
        try {
          for (const each of now) pump(each)
        } catch (error) {
          options.onFatal(error)
        }
      })
    freed.add(destination)
  }

  return {
    pump: () => {
      pump()
    },
    assigned(partitions) {
      const owned = new Set(partitions)
      for (const { calls } of lanes.values())
        for (const [id, call] of calls) if (call.answered && !owned.has(partitionIn(id))) calls.delete(id)
    },
    async stop(graceMs) {
      stopped = true
      const cutOff = setTimeout(() => {
        abort.abort()
      }, graceMs)
      await Promise.allSettled(running)
      clearTimeout(cutOff)
      if (abort.signal.aborted) return
      // What was answered is committed before the tasks stop, or it would be sent again.
      for (let waited = 0; waited < MAX_COMMIT_WAIT_MS && !allCommitted(); waited += COMMIT_POLL_MS) {
        // oxlint-disable-next-line no-await-in-loop -- polls
        await new Promise((resolve) => setTimeout(resolve, COMMIT_POLL_MS))
      }
    },
  }

  function allCommitted(): boolean {
    const views = ownedViews()
    for (const lane of lanes.values()) forgetSettled(lane, views)
    return [...lanes.values()].every((lane) => lane.calls.size === 0)
  }
}

/**
 * Takes away what the committed state has moved past. A partition without a view tells nothing: its task is being opened
 * again, with the answers that were injected, so what was asked stays asked (W1).
 */
function forgetSettled(lane: Lane, views: readonly StateView[]): void {
  const byPartition = new Map(views.map((view) => [view.partition, view]))
  for (const [id, call] of lane.calls) {
    const view = byPartition.get(partitionIn(id))
    if (!call.answered || !view) continue
    const row = view.table(queueTable).get(id.slice(id.indexOf('/') + 1))
    if (!row || row.attempts >= call.attempt) lane.calls.delete(id)
  }
}

function tellTrace(span: ActiveSpan | undefined, destination: string, answer: Answer): void {
  if (!span) return
  const { verdict, code } = classify(answer)
  span.end(
    {
      'tributary.destination': destination,
      'tributary.verdict': verdict,
      'tributary.code': code,
      ...(answer.kind === 'status' && { 'http.response.status_code': answer.status }),
    },
    { failed: verdict !== 'delivered' },
  )
}

/** Partition in the id of a call. */
function partitionIn(id: string): number {
  return Number(id.slice(0, id.indexOf('/')))
}

interface DueRow {
  readonly view: StateView
  readonly key: string
  readonly row: PendingDelivery & { readonly delivery: Delivery }
}

/** Due heads of a destination over all partitions, longest due first; at most `most` of each. */
function dueRows(destination: string, views: readonly StateView[], nowMs: number, most: number): DueRow[] {
  const { from, to } = dueBy(destination, nowMs)
  const found: (DueRow & { readonly dueKey: string })[] = []
  for (const view of views) {
    for (const [dueKey, key] of view.table(dueTable).range(from, to, most)) {
      const row = view.table(queueTable).get(key)
      const delivery = row?.delivery
      if (row && delivery) found.push({ dueKey, view, key, row: { ...row, delivery } })
    }
  }
  return found.sort((a, b) => (a.dueKey < b.dueKey ? -1 : 1))
}
