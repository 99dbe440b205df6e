/**
 * What people ask of and decide about the deliveries of the partitions that are here. A decision is injected into the
 * task and answered when it is committed: what was not committed was not decided, and may be decided again.
 */
import type {
  DeadRow,
  ListDeadPartitionResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery_peers'
import {
  type ActOnDeadLettersRequest,
  type ActOnDeadLettersResponse,
  DeadLetterAction,
  type DeadLetterSelection,
  type DestinationStatus,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { unavailable } from '@tributary/service-kit'
import type { StateView } from '@tributary/stream-runtime'
import type { Command } from '../delivery/command.ts'
import type { DestinationState } from '../delivery/destinationState.ts'
import type { DeliveryTasks } from '../delivery/dispatcher.ts'
import {
  deadCountTable,
  deadTable,
  destinationTable,
  everythingOf,
  pendingTable,
} from '../delivery/queueRows.ts'
import { isSelected } from './isSelected.ts'

/** Rows that one question looks at; one that finds nothing in so many says where it stopped. */
const MAX_LOOKED = 20_000
/** How long a decision waits for its commit, ms: a transaction takes 50 to 200, and another instance waits for 2,000. */
const MAX_COMMIT_WAIT_MS = 1_500
const COMMIT_POLL_MS = 20
const DELIVERIES = 'the deliveries'

export interface PartitionOperations {
  listDead(
    partition: number,
    selection: DeadLetterSelection,
    page: { readonly after: string; readonly limit: number },
  ): ListDeadPartitionResponse
  act(partition: number, request: ActOnDeadLettersRequest, limit: number): Promise<ActOnDeadLettersResponse>
  /** One for each partition and destination that has a row. */
  destinations(partitions: readonly number[]): DestinationStatus[]
  setStopped(
    partitions: readonly number[],
    destination: string,
    by: { readonly actor: string; readonly reason: string } | undefined,
  ): Promise<void>
}

export function createPartitionOperations(
  tasks: Pick<DeliveryTasks, 'view' | 'inject'>,
  clock: () => number,
): PartitionOperations {
  function viewOf(partition: number): StateView {
    const view = tasks.view(partition)
    if (!view) throw unavailable(`partition ${partition} of ${DELIVERIES}`)
    return view
  }

  /** Injects and waits until the committed state shows it. */
  async function commit(
    partition: number,
    commands: readonly Command[],
    isDone: () => boolean,
  ): Promise<void> {
    for (const command of commands)
      if (!tasks.inject(partition, command)) throw unavailable(`partition ${partition} of ${DELIVERIES}`)
    for (let waited = 0; !isDone(); waited += COMMIT_POLL_MS) {
      if (waited >= MAX_COMMIT_WAIT_MS) throw unavailable(`partition ${partition} of ${DELIVERIES}`)
      // oxlint-disable-next-line no-await-in-loop -- polls
      await new Promise((resolve) => setTimeout(resolve, COMMIT_POLL_MS))
    }
  }

  function listDead(
    partition: number,
    selection: DeadLetterSelection,
    { after, limit }: { readonly after: string; readonly limit: number },
  ): ListDeadPartitionResponse {
    const range = everythingOf(selection.destinationId)
    const from = after === '' ? range.from : `${after}!`
    const rows: DeadRow[] = []
    let looked = 0
    let last = ''
    for (const [key, letter] of viewOf(partition).table(deadTable).range(from, range.to, MAX_LOOKED)) {
      if (rows.length === limit) return { rows, looked: last }
      looked++
      last = key
      if (isSelected(letter, selection)) rows.push({ key, letter })
    }
    return { rows, looked: looked === MAX_LOOKED ? last : '' }
  }

  return {
    listDead,
    async act(partition, request, limit) {
      const selection = request.selection ?? noSelection
      const { rows, looked } = listDead(partition, selection, { after: '', limit })
      if (rows.length === 0) return { acted: 0, superseded: 0, more: looked !== '' }
      const command = request.action === DeadLetterAction.DEAD_LETTER_ACTION_REDRIVE ? 'redrive' : 'discard'
      const { actor, reason } = request
      const atMs = clock()
      const commands = rows.map(({ key, letter }): Command => {
        const deliveryId = letter?.delivery?.id ?? ''
        return { command, row: key, deliveryId, actor, reason, atMs }
      })
      await commit(partition, commands, () => {
        const dead = viewOf(partition).table(deadTable)
        return rows.every(({ key }) => dead.get(key) === undefined)
      })
      const superseded = command === 'redrive' ? rows.filter(({ letter }) => letter?.superseded).length : 0
      return { acted: rows.length, superseded, more: looked !== '' }
    },
    destinations: (partitions) => partitions.flatMap((partition) => statusesIn(viewOf(partition))),
    async setStopped(partitions, destination, by) {
      const command: Command = by
        ? { command: 'stop', destination, ...by, atMs: clock() }
        : { command: 'resume', destination }
      await Promise.all(
        partitions.map((partition) =>
          commit(partition, [command], () => {
            const state = viewOf(partition).table(destinationTable).get(destination)
            return by ? state?.stopped !== undefined : state?.stopped === undefined
          }),
        ),
      )
    },
  }
}

const noSelection: DeadLetterSelection = {
  destinationId: '',
  code: '',
  fromMs: 0,
  untilMs: 0,
  deliveryIds: [],
}

function statusesIn(view: StateView): DestinationStatus[] {
  const { from, to } = everythingOf('')
  const statuses = new Map<string, DestinationStatus>()
  const of = (id: string): DestinationStatus => {
    let status = statuses.get(id)
    if (!status) statuses.set(id, (status = nothingKnown(id)))
    return status
  }
  for (const [id, count] of view.table(pendingTable).range(from, to)) of(id).pending = count
  for (const [id, count] of view.table(deadCountTable).range(from, to)) of(id).dead = count
  for (const [id, state] of view.table(destinationTable).range(from, to)) Object.assign(of(id), modeOf(state))
  return [...statuses.values()]
}

function nothingKnown(id: string): DestinationStatus {
  return {
    id,
    pending: 0,
    dead: 0,
    mode: 'open',
    code: '',
    sinceMs: 0,
    heldUntilMs: 0,
    actor: '',
    reason: '',
  }
}

function modeOf({ stopped, mode, code, sinceMs, heldUntilMs }: DestinationState): Partial<DestinationStatus> {
  if (stopped) return { mode: 'stopped', code: 'STOPPED_BY_PERSON', ...stopped }
  return mode === 'open' ? {} : { mode, code, sinceMs, heldUntilMs }
}
