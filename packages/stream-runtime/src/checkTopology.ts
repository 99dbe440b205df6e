import type { TopicSpec } from '@tributary/contracts'
import type { TableSpec, Topology } from './processor.ts'
import { checkTableName } from './rowKey.ts'

/** Refuses a topology that could not keep its promises; a mistake of the program, found at its start. */
export function checkTopology(topology: Pick<Topology, 'name' | 'inputs' | 'tables' | 'metaLog'>): void {
  const { name, inputs, tables, metaLog } = topology
  if (!/^[a-z][a-z-]{0,30}$/.test(name)) throw new Error(`topology name "${name}": small letters and hyphens`)
  if (inputs.length === 0) throw new Error(`topology ${name} has no input`)
  const names = tables.map((table) => table.name)
  for (const table of names) checkTableName(table)
  if (new Set(names).size < names.length) throw new Error(`topology ${name} has two tables of one name`)
  for (const table of tables) checkFamily(name, table, tables)
  if (metaLog.cleanUp !== 'compact')
    throw new Error(`topology ${name}: ${metaLog.name} must be compacted to hold its meta`)
  const group = inputs[0]!.partitions
  for (const topic of [...inputs, metaLog, ...tables.map((table) => table.changeLog)])
    if (topic.partitions !== group)
      throw new Error(`topology ${name}: ${topic.name} is not co-partitioned with ${inputs[0]!.name}`)
}

function checkFamily(
  topology: string,
  { name, family, changeLog }: TableSpec<unknown>,
  tables: readonly TableSpec<unknown>[],
): void {
  if (!family) return
  checkTableName(family.name)
  if (!/^[a-z]$/.test(family.letter))
    throw new Error(`topology ${topology}: the letter of ${name} in its family is one small letter`)
  if (changeLog.cleanUp !== 'compact')
    throw new Error(`topology ${topology}: ${name} is in a family, so its change log must be compacted`)
  for (const other of tables) {
    if (other.name === family.name)
      throw new Error(`topology ${topology}: ${family.name} is the name of a table and of a family`)
    if (other.name !== name && other.family?.name === family.name && other.family.letter === family.letter)
      throw new Error(`topology ${topology}: ${name} and ${other.name} have one letter in their family`)
  }
}

/** The change logs of a topology, each once, the meta log first. */
export function changeLogsOf(topology: Pick<Topology, 'tables' | 'metaLog'>): TopicSpec[] {
  const logs = new Map([[topology.metaLog.name, topology.metaLog]])
  for (const { changeLog } of topology.tables) logs.set(changeLog.name, changeLog)
  return [...logs.values()]
}
