/** What a world still has to do before it has come to rest. */
import { type PartitionCounts, type TopicSpec, partitionOf, partitionsOf, topics } from '@tributary/contracts'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import type { StateView, TableSpec, Topology } from '@tributary/stream-runtime'
import { createDeliveryTopology } from '../../services/activation/src/delivery/deliveryTopology.ts'
import { pendingTable } from '../../services/activation/src/delivery/queueRows.ts'
import { createSyncTopology, waitingTable } from '../../services/activation/src/sync/syncTopology.ts'
import { extractorTopology } from '../../services/identity-stitcher/src/extractor/extractorTopology.ts'
import { resolverTopology } from '../../services/identity-stitcher/src/resolver/resolverTopology.ts'
import { fragmentTopology } from '../../services/profile-store/src/fragment/fragmentTopology.ts'
import { anchorRows, filingRows, followedRows } from '../../services/profile-store/src/job/filingRows.ts'
import { outboxRows, runningRows } from '../../services/profile-store/src/job/jobRows.ts'
import { jobTopology } from '../../services/profile-store/src/job/jobTopology.ts'
import { dueRows, sweepRows } from '../../services/profile-store/src/profile/profileRows.ts'
import { profileTopology } from '../../services/profile-store/src/profile/profileTopology.ts'
import type { ShopConfiguration } from './simulatedFeed.ts'
import type { SimulatedLog } from './simulatedLog.ts'
import type { SimulatedNodes } from './simulatedNodes.ts'
import type { ServiceName } from './startServices.ts'

const unobserved = { opened() {}, computed() {} }

interface Kind {
  readonly service: ServiceName
  readonly topology: Topology<never>
  readonly configured: boolean
}

const kinds = (counts: PartitionCounts): Kind[] => {
  const kind = <C, X>(service: ServiceName, topology: Topology<C, X>, configured: boolean): Kind => ({
    service,
    topology: topology,
    configured,
  })
  return [
    kind('stitcher', extractorTopology({ seen() {}, sent() {} }), false),
    kind('stitcher', resolverTopology({ resolved() {}, passedOver() {} }), false),
    kind('store', fragmentTopology(unobserved), false),
    kind('store', profileTopology(unobserved), true),
    kind('store', jobTopology(counts), true),
    kind('activation', createSyncTopology(), true),
    kind('activation', createDeliveryTopology(), true),
  ]
}

export interface WorldTask {
  readonly service: ServiceName
  readonly topology: string
  readonly inputs: readonly TopicSpec[]
  readonly changeLogs: readonly TopicSpec[]
  readonly partition: number
  /** Whether it follows the configuration. */
  readonly configured: boolean
}

export function worldTasks(counts: PartitionCounts): readonly WorldTask[] {
  return kinds(counts).flatMap(({ service, topology, configured }) =>
    Array.from({ length: partitionsOf(topology.inputs[0]!, counts) }, (_, partition) => ({
      service,
      topology: topology.name,
      inputs: topology.inputs,
      changeLogs: [...new Set(topology.tables.map(({ changeLog }) => changeLog))],
      partition,
      configured,
    })),
  )
}

/** A tick comes each second, and its batch is committed soon after. */
const LATEST_TICK_MS = 3_000

export function whatIsUnfinished(world: {
  readonly log: SimulatedLog
  readonly nodes: SimulatedNodes
  readonly tasks: readonly WorldTask[]
  readonly configuration: ShopConfiguration
  readonly nowMs: number
  readonly counts: PartitionCounts
}): string[] {
  const { log, nodes, tasks, configuration, nowMs, counts } = world
  const unfinished: string[] = []
  for (const { service, topology, inputs, partition, configured } of tasks) {
    const name = `${topology}-${partition}`
    const owner = nodes.owner(service, topology, partition)
    if (!owner) {
      unfinished.push(`${name} runs nowhere`)
      continue
    }
    const { status, node } = owner
    for (const topic of inputs)
      if ((status.positions[topic.name] ?? 0) < log.stableEnd(topic, partition))
        unfinished.push(`${name} has not read all of ${topic.name}`)
      else if (log.stableEnd(topic, partition) < log.end(topic, partition))
        unfinished.push(`${topic.name}/${partition} has an open transaction`)
    if (configured && status.configurationOffset !== configuration.offset)
      unfinished.push(`${name} has adopted ${status.configurationOffset}, not ${configuration.offset}`)
    const view = node.running!.tasks.get(topology)!.view(partition)
    if (!view) {
      unfinished.push(`${name} shows nothing`)
      continue
    }
    if (topology === 'profile')
      for (const [due] of view.table(dueRows).range('', '~', 1))
        if (Number(due.slice(0, 15)) < nowMs - LATEST_TICK_MS) unfinished.push(`${name} has windows to move`)
    if (topology === 'job')
      // Where nothing is blocked any more, all of it was filed back from the log.
      for (const of of blockedPartitions(view, counts))
        if (lastBlocked(log, of) > (view.table(followedRows).get(String(of)) ?? -1))
          unfinished.push(`${name} has blocked events to file of partition ${of}`)
    for (const [of, table, what] of tablesToEmpty)
      if (of === topology && [...view.table(table).range('', '~', 1)].length > 0)
        unfinished.push(`${name} has ${what}`)
  }
  return unfinished
}

function blockedPartitions(view: StateView, counts: PartitionCounts): ReadonlySet<number> {
  const anchors = [...view.table(anchorRows).range('', '~')]
  return new Set(
    anchors.flatMap(([id, { filed }]) => (filed === 'blocked' ? [partitionOf(id, counts.identifier)] : [])),
  )
}

/** Place of the last event of a partition that was skipped as blocked, as createFiledLog counts the skips; -1: none. */
function lastBlocked(log: SimulatedLog, partition: number): number {
  return log
    .all(topics.skipped, partition)
    .findLastIndex(({ value }) => Skipped.decode(value!).reason === SkipReason.SKIP_REASON_BLOCKED)
}

const tablesToEmpty: readonly (readonly [string, TableSpec<unknown>, string])[] = [
  ['job', runningRows, 'a job under way'],
  ['job', outboxRows, 'records to send'],
  ['job', filingRows, 'identifiers to file'],
  ['profile', sweepRows, 'profiles to judge'],
  ['sync', waitingTable, 'changes that wait'],
  ['delivery', pendingTable, 'deliveries to make'],
]
