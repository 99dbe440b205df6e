import type { TopicSpec } from '@tributary/contracts'
import type { Topology } from './processor.ts'
import { checkTableName } from './rowKey.ts'

/** Refuses a topology that could not keep its promises; a mistake of the program, found at its start. */
export function checkTopology(topology: Pick<Topology, 'name' | 'inputs' | 'tables' | 'metaLog'>): void {
  const { name, inputs, tables, metaLog } = topology
  if (!/^[a-z][a-z-]{0,30}$/.test(name)) throw new Error(`topology name "${name}": small letters and hyphens`)
  if (inputs.length === 0) throw new Error(`topology ${name} has no input`)
  const names = tables.map((table) => table.name)
  for (const table of names) checkTableName(table)
  if (new Set(names).size < names.length) throw new Error(`topology ${name} has two tables of one name`)
  if (metaLog.cleanUp !== 'compact')
    throw new Error(`topology ${name}: ${metaLog.name} must be compacted to hold its meta`)
  const group = inputs[0]!.partitions
  for (const topic of [...inputs, metaLog, ...tables.map((table) => table.changeLog)])
    if (topic.partitions !== group)
      throw new Error(`topology ${name}: ${topic.name} is not co-partitioned with ${inputs[0]!.name}`)
}

/** The change logs of a topology, each once, the meta log first. */
export function changeLogsOf(topology: Pick<Topology, 'tables' | 'metaLog'>): TopicSpec[] {
  const logs = new Map([[topology.metaLog.name, topology.metaLog]])
  for (const { changeLog } of topology.tables) logs.set(changeLog.name, changeLog)
  return [...logs.values()]
}
