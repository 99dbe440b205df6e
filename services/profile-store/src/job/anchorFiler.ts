/**
 * Sends the events of a filing from the log to the anchors they have now, and follows those that are skipped as blocked.
 *
 *  M1. Nothing of a partition is sent before the log has all of it below the control record, with the task's skips.
 *  M2. Each lot is durable before the job hears of it, and one goes after the other: what a crash sends again, or a former
 *      owner still sends, comes in the same order and is below the watermark of its target.
 *  M3. Numbers and blocks are read in one look per lot. What a new filing has overtaken is passed over by the tasks.
 *  M4. Memory: one lot, and what ClickHouse has sent ahead.
 *
 *   what fails                     what happens
 *   ClickHouse or Kafka away       asked again with the next wake; the anchors stay as they are filed so far
 *   killed between send and word   the lot is sent again; watermarks pass it over
 *   owner changes, old one lives   both send the same; its word is not taken
 *   an event is not in the log yet following stops before it, and goes on there
 */
import { type FiledEvent, type FiledEvents } from '@tributary/clickhouse-log'
import { partitionOf } from '@tributary/contracts'
import { type StateView } from '@tributary/stream-runtime'
import { type Filed } from './fileAnchors.ts'
import { type RunningFiling, anchorRows, filingRows, followedRows } from './filingRows.ts'
import { type RefiledLot, type RefiledRecord, refileLot } from './refiledEvents.ts'

/** Events of one lot: a send of some megabytes at most, and a resume repeats no more. */
const MAX_EVENTS = 500
/** Anchors in one question to the log. */
const MAX_ASKED = 1_000

export interface AnchorFilerPorts {
  /** Committed state of the job task; undefined where it does not run. */
  readonly view: () => StateView | undefined
  readonly log: FiledEvents
  /** Partitions of the events topic. */
  readonly partitions: number
  /** Resolves when all are durable in the events topic. */
  readonly send: (records: readonly RefiledRecord[]) => Promise<unknown>
  /** False when the task has moved on to another owner. */
  readonly inject: (filed: Filed) => boolean
  /** Something failed; it is tried again with the next wake. */
  readonly onFailure: (error: Error) => void
}

export interface AnchorFiler {
  /** There may be something to file. */
  wake(): void
  /** Resolves when nothing is under way. */
  stop(): Promise<void>
}

export function createAnchorFiler(ports: AnchorFilerPorts): AnchorFiler {
  const { view, log, partitions, send, inject, onFailure } = ports
  let stopped = false
  let running: Promise<void> | undefined
  /** What was told and may not be committed yet. */
  let told = new Set<string>()

  const current = (): RunningFiling | undefined => view()?.table(filingRows).get('running')

  async function fileAll(): Promise<void> {
    const filing = current()
    if (!filing) {
      told = new Set()
      await followAll()
      return
    }
    if (filing.phase === 'relate' && !told.has(`${filing.number}|relate`)) await relate(filing)
    if (filing.phase !== 'file') return
    for (const [partition, reached] of Object.entries(filing.reached)) {
      if (stopped) return
      if (reached.done || told.has(`${filing.number}|${partition}`)) continue
      // oxlint-disable-next-line no-await-in-loop -- one partition after the other
      if (!(await filePartition(filing, Number(partition)))) return
    }
  }

  async function relate({ number, anchors }: RunningFiling): Promise<void> {
    const given = new Set(anchors)
    const others = blockedAnchors().filter((id) => !given.has(id))
    const related: string[] = []
    for (let from = 0; from < others.length; from += MAX_ASKED)
      // oxlint-disable-next-line no-await-in-loop -- one question after the other
      related.push(...(await log.related({ anchors, among: others.slice(from, from + MAX_ASKED) })))
    if (!stopped && inject({ related: { number, anchors: related } })) told.add(`${number}|relate`)
  }

  function blockedAnchors(): string[] {
    const rows = view()?.table(anchorRows).range('', '~') ?? []
    return [...rows].filter(([, { filed }]) => filed === 'blocked').map(([id]) => id)
  }

  /** False when the filing is no longer here. */
  async function filePartition(filing: RunningFiling, partition: number): Promise<boolean> {
    const { number } = filing
    const answer = filing.answers[partition]!
    if (!(await log.hasAll({ ...answer, partition, writer: `fragment-${partition}` }))) return true
    const own = filing.anchors.filter((id) => partitionOf(id, partitions) === partition)
    const after = filing.reached[partition]!
    const read = log.read({ partition, below: answer.offset, anchors: own, after })
    for await (const events of read)
      for (const lot of lotsOf(events)) {
        const refiled = fileLot(lot, number)
        // oxlint-disable-next-line no-await-in-loop -- one lot after the other
        if (refiled && refiled.records.length > 0) await send(refiled.records)
        const { anchor, offset } = lot.at(-1)!
        if (stopped || !refiled) return false
        if (!inject({ filed: { number, partition, anchor, offset, done: false, events: refiled.events } }))
          return false
      }
    if (stopped) return false
    if (!inject({ filed: { number, partition, anchor: '', offset: -1, done: true, events: {} } }))
      return false
    told.add(`${number}|${partition}`)
    return true
  }

  /** M3. Undefined when the filing is no longer here. */
  function fileLot(events: readonly FiledEvent[], number: number): RefiledLot | undefined {
    const state = view()
    if (state?.table(filingRows).get('running')?.number !== number) return undefined
    return refileLot(state, events, partitions, (anchor) => anchor.number === number)
  }

  async function followAll(): Promise<void> {
    const own = new Set(blockedAnchors().map((id) => partitionOf(id, partitions)))
    for (const partition of [...own].sort((a, b) => a - b)) {
      // oxlint-disable-next-line no-await-in-loop -- one partition after the other
      if (stopped || !(await follow(partition))) return
    }
  }

  /** False when something else is to be done first. */
  async function follow(partition: number): Promise<boolean> {
    let after = view()?.table(followedRows).get(String(partition)) ?? -1
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one lot after the other
      const events = await log.readBlocked({ partition, after, limit: MAX_EVENTS })
      if (stopped) return false
      if (events.length === 0) return true
      const state = view()
      if (!state || state.table(filingRows).get('running')) return false
      const refiled = refileLot(
        state,
        events,
        partitions,
        ({ filed, below }, { offset }) => filed === 'blocked' && offset >= below,
      )
      // oxlint-disable-next-line no-await-in-loop -- one lot after the other
      if (refiled.records.length > 0) await send(refiled.records)
      after = events.at(-1)!.skippedAt
      if (stopped || !inject({ followed: { partition, skippedAt: after, events: refiled.events } }))
        return false
    }
  }

  return {
    wake() {
      if (stopped || running) return
      running = fileAll()
        .catch((error: unknown) => onFailure(error instanceof Error ? error : new Error(String(error))))
        .finally(() => (running = undefined))
    },
    async stop() {
      stopped = true
      await running
    },
  }
}

function* lotsOf(events: readonly FiledEvent[]): Iterable<readonly FiledEvent[]> {
  for (let from = 0; from < events.length; from += MAX_EVENTS) yield events.slice(from, from + MAX_EVENTS)
}
