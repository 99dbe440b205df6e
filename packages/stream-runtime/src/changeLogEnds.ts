import { changeLogsOf } from './checkTopology.ts'
import type { SentTo } from './ports/log.ts'
import type { Topology } from './processor.ts'

/** How far a task's own change logs reach after a send: what its store is level with once it is written. */
export function changeLogEnds(
  topology: Pick<Topology, 'tables' | 'metaLog'>,
  partition: number,
  sent: readonly SentTo[],
): Map<string, number> {
  const logs = new Set(changeLogsOf(topology).map(({ name }) => name))
  const ends = new Map<string, number>()
  for (const each of sent)
    // Without an offset the end stays where it was: the next life reads these records again, to the same effect.
    if (logs.has(each.topic.name) && each.partition === partition && each.lastOffset >= 0)
      ends.set(each.topic.name, each.lastOffset + 1)
  return ends
}
