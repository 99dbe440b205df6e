/** What anchorFiler.ts does, one lot at a time: so that a test can stop it anywhere. */
import { type FiledEvent } from '@tributary/clickhouse-log'
import { partitionOf } from '@tributary/contracts'
import { type StateView } from '@tributary/stream-runtime'
import { type Filed } from '../job/fileAnchors.ts'
import { anchorRows, filingRows, followedRows } from '../job/filingRows.ts'
import { type RefiledRecord, refileLot } from '../job/refiledEvents.ts'
import { type TopicRecords, readBlocked, readFiled } from './loggedEvents.ts'
import { type Choices } from './pipeline.ts'

export interface FiledLot {
  readonly send: readonly RefiledRecord[]
  /** Undefined: killed between the send and its word. */
  readonly say: Filed | undefined
}

/** One lot in so many is sent and not told. */
const KILLED_IN = 4

export function fileSome(
  view: Pick<StateView, 'table'>,
  records: TopicRecords,
  partitions: number,
  choices: Choices,
): FiledLot | undefined {
  const isKilled = choices.next(KILLED_IN) === KILLED_IN - 1
  const filing = view.table(filingRows).get('running')
  const blocked = [...view.table(anchorRows).range('', '~')]
    .filter(([, { filed }]) => filed === 'blocked')
    .map(([id]) => id)
  if (filing?.phase === 'relate') {
    const { number, anchors } = filing
    const related = relatedTo(anchors, blocked, records, partitions)
    return { send: [], say: isKilled ? undefined : { related: { number, anchors: related } } }
  }
  if (filing?.phase === 'file') {
    const { number } = filing
    const open = Object.entries(filing.reached).filter(([, { done }]) => !done)
    const [key, after] = open[choices.next(open.length)]!
    const partition = Number(key)
    const anchors = filing.anchors.filter((id) => partitionOf(id, partitions) === partition)
    const below = filing.answers[partition]!.offset
    const all = readFiled(records, { partition, below, anchors, after })
    const lot = all.slice(0, 1 + choices.next(3))
    const refiled = refileLot(view, lot, partitions, (anchor) => anchor.number === number)
    const last = lot.at(-1)
    const filed = last
      ? { number, partition, anchor: last.anchor, offset: last.offset, done: false, events: refiled.events }
      : { number, partition, anchor: '', offset: -1, done: true, events: {} }
    return { send: refiled.records, say: isKilled ? undefined : { filed } }
  }
  if (filing) return undefined
  for (let partition = 0; partition < partitions; partition++) {
    const after = view.table(followedRows).get(String(partition)) ?? -1
    const lot = readBlocked(records, { partition, after, limit: 1 + choices.next(3) })
    const last = lot.at(-1)
    if (!last) continue
    const refiled = refileLot(view, lot, partitions, isFollowed)
    const followed = { partition, skippedAt: last.skippedAt, events: refiled.events }
    return { send: refiled.records, say: isKilled ? undefined : { followed } }
  }
  return undefined
}

type Wanted = Parameters<typeof refileLot>[3]
const isFollowed: Wanted = ({ filed, below }, { offset }) => filed === 'blocked' && offset >= below

function relatedTo(
  anchors: readonly string[],
  blocked: readonly string[],
  records: TopicRecords,
  partitions: number,
): string[] {
  const found = new Set<string>()
  for (let partition = 0; partition < partitions; partition++) {
    const events: FiledEvent[] = readFiled(records, {
      partition,
      below: Number.MAX_SAFE_INTEGER,
      anchors: blocked.filter((id) => !anchors.includes(id)),
      after: { anchor: '', offset: -1 },
    })
    for (const { anchor, identifiers } of events)
      if (identifiers.some(({ id }) => anchors.includes(id))) found.add(anchor)
  }
  return [...found].sort()
}
