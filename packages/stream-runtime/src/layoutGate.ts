/**
 * Which layout epoch may publish. A rebuild runs the tasks of the next epoch beside those of the active one: they
 * restore, fold and keep their state, and publish nothing, until a record in internal.layout says that they may.
 *
 *  Y1. A task reads the layout after its session is open. Who makes another epoch active writes the record first and
 *      opens sessions of the old ids then; so a task of the old epoch that missed the record has been fenced, and its
 *      next life reads it.
 *  Y2. Without a record epoch 1 is active.
 *  Y3. Internal topics are written in any epoch: what is derived anew has topics of its own (`perEpoch` in the catalogue,
 *      LAYOUT_EPOCH of the process), as have groups, stores and transactional ids; stamps carry the epoch.
 *
 * What changes hands when an epoch becomes active (the differences to what is public already, the numbers of versions)
 * is the rebuild's; here it is only decided who is silent.
 */
import { topics } from '@tributary/contracts'
import { Layout } from '@tributary/contracts/generated/tributary/config/v1/layout'
import type { LogRecord, RuntimeLog } from './ports/log.ts'
import { RuntimeFault } from './runtimeFault.ts'

/** Epoch of an installation that was never rebuilt. */
const FIRST_EPOCH = 1
const PARTITION = 0

export async function readActiveEpoch(log: Pick<RuntimeLog, 'bounds' | 'read'>): Promise<number> {
  const { start, end } = await log.bounds(topics.layout, PARTITION)
  let active = FIRST_EPOCH
  if (start >= end) return active
  for await (const { records } of log.read(topics.layout, PARTITION, start, end))
    for (const { offset, value } of records) active = value === null ? FIRST_EPOCH : epochIn(value, offset)
  return active
}

function epochIn(value: Buffer, offset: number): number {
  const { epoch } = decoded(value)
  if (epoch >= FIRST_EPOCH) return epoch
  throw new RuntimeFault(
    'meta-unreadable',
    `${topics.layout.name} offset ${offset} names no epoch: a newer release wrote it, or something else; run that release`,
  )
}

function decoded(value: Buffer): Pick<Layout, 'epoch'> {
  try {
    return Layout.decode(value)
  } catch {
    return { epoch: 0 }
  }
}

/** What a task of an epoch may send while another one is active. */
export function withoutPublic(records: readonly LogRecord[]): LogRecord[] {
  return records.filter(({ topic }) => topic.visibility !== 'public')
}
