/** What a task finds out before it runs: each step of its opening that is not the restore itself. */
import type { TopicSpec } from '@tributary/contracts'
import { changeLogsOf } from './checkTopology.ts'
import { readActiveEpoch } from './layoutGate.ts'
import type { Clock } from './ports/clock.ts'
import type { ConfigurationFeed } from './ports/configurationFeed.ts'
import type { RuntimeLog, TransactionalSession } from './ports/log.ts'
import type { RuntimeLogger } from './ports/logger.ts'
import type { Topology } from './processor.ts'
import { CLAIM_KEY } from './rowKey.ts'
import { RuntimeFault } from './runtimeFault.ts'
import type { TaskMeta } from './taskMeta.ts'

type TopologyShape = Pick<Topology, 'name' | 'inputs' | 'tables' | 'metaLog'>

/** Commits a claim to each change log; gives where they lie. */
export async function claimChangeLogs(
  session: TransactionalSession,
  task: {
    readonly topology: TopologyShape
    readonly partition: number
    readonly nodeId: string
    readonly clock: Clock
  },
): Promise<Map<string, number>> {
  const { topology, partition, nodeId, clock } = task
  const value = Buffer.from(JSON.stringify({ node: nodeId, atMs: clock.now() }))
  const logs = changeLogsOf(topology)
  const sent = await session.send(logs.map((topic) => ({ topic, partition, key: CLAIM_KEY, value })))
  await session.commit()
  const claims = new Map(sent.map(({ topic, lastOffset }) => [topic.name, lastOffset]))
  for (const { name } of logs)
    if ((claims.get(name) ?? -1) < 0)
      throw new RuntimeFault('log-unavailable', `the log did not say where the claim of ${name} lies`)
  return claims
}

/** Whether the task's layout epoch is the active one. */
export async function epochPublishes(task: {
  readonly log: RuntimeLog
  readonly logger: RuntimeLogger
  readonly topology: TopologyShape
  readonly partition: number
  readonly epoch: number
}): Promise<boolean> {
  const { log, logger, topology, partition, epoch } = task
  const active = await readActiveEpoch(log)
  if (epoch !== active)
    logger.info(
      { topology: topology.name, partition, epoch, active },
      'another epoch publishes: this one is silent',
    )
  return epoch === active
}

/** Where each input begins: at its position in meta, at the start of its log without one. */
export async function startPositions(
  log: Pick<RuntimeLog, 'bounds'>,
  topology: TopologyShape,
  partition: number,
  meta: TaskMeta,
): Promise<Record<string, number>> {
  const positions: Record<string, number> = {}
  for (const topic of topology.inputs) {
    const { start, end } = await log.bounds(topic, partition)
    const position = meta.positions[topic.name]
    if (position !== undefined && position < start)
      throw expired(topology.name, topic, partition, position, start)
    if (position !== undefined && position > end)
      throw new RuntimeFault(
        'position-beyond-log-end',
        `${topic.name}/${partition} ends at ${end}, before position ${position} of ${topology.name}: records are gone from Kafka or the topic was recreated; rebuild with a new layout epoch`,
      )
    positions[topic.name] = position ?? start
  }
  return positions
}

function expired(
  topology: string,
  topic: TopicSpec,
  partition: number,
  position: number,
  start: number,
): RuntimeFault {
  return new RuntimeFault(
    'position-before-log-start',
    `${topology} stands at offset ${position} of ${topic.name}/${partition}, whose log begins at ${start}: ${start - position} offsets have expired unread; rebuild with a new layout epoch, which takes them from the event log`,
  )
}

/** Another instance may have adopted a revision that this process has not read yet. Rejects when aborted. */
export async function untilConfigurationIsRead<C>(
  feed: ConfigurationFeed<C>,
  adopted: number,
  task: { readonly partition: number; readonly logger: RuntimeLogger; readonly signal: AbortSignal },
): Promise<void> {
  const { partition, logger, signal } = task
  const isRead = () => (feed.current()?.offset ?? -1) >= adopted
  if (isRead()) return
  logger.info({ partition, offset: adopted }, 'waiting for the configuration this task has adopted')
  await new Promise<void>((resolve) => {
    const stop = feed.onChange(() => isRead() && done())
    const done = () => {
      stop()
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    if (isRead() || signal.aborted) done()
  })
  signal.throwIfAborted()
}
