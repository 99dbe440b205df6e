/**
 * One life of one task: opened, restored, run batch by batch, and closed. It never repairs itself: any error ends
 * this life, and the next one begins with what is committed (superviseTask.ts).
 *
 * The order of effects, and what a crash between two of them means:
 *  E1 session opened      nothing has happened
 *  E2 claims committed    former owners can write nothing any more; whether this epoch publishes is read then
 *  E3 store restored      it equals what is committed
 *  then for each batch
 *  E4 outputs, change log and meta sent    aborted by the next owner's E1
 *  E5 transaction committed                the store is behind, E3 of the next life catches up
 *  E6 store written                        the batch is done
 *
 * Invariants:
 *  T1. Nothing is read of inputs or of the store's meta before E3.
 *  T2. Inputs are read from the positions in meta, and nothing below them is processed.
 *  T3. A batch that changed and sent nothing and consumed no record is not committed.
 *  T4. After an error nothing more is sent with this life's session.
 *  T5. A batch that asked for more and had effects is followed by another at once; one without effects waits for input.
 */
import { Batch, type FinishedBatch } from './batch.ts'
import { changeLogEnds } from './changeLogEnds.ts'
import { changeLogsOf } from './checkTopology.ts'
import { withoutPublic } from './layoutGate.ts'
import { claimChangeLogs, epochPublishes, startPositions, untilConfigurationIsRead } from './openTask.ts'
import { Pacing } from './pacing.ts'
import type { InputStream, TransactionalSession } from './ports/log.ts'
import type { StateStore } from './ports/store.ts'
import type { Input, Processor, StateView } from './processor.ts'
import { restoreState } from './restoreState.ts'
import { META_KEY } from './rowKey.ts'
import { processorFault } from './runtimeFault.ts'
import type { TaskState } from './taskGroup.ts'
import { type Closing, TaskLife } from './taskLife.ts'
import { decodeMeta, EMPTY_META, type TaskMeta } from './taskMeta.ts'
import type { TaskOptions } from './taskOptions.ts'
import { TracedRecords } from './tracedRecords.ts'
import { viewStore } from './viewStore.ts'

/** Ticks of the clock, ms: what processors that move with time see of it. */
const TICK_MS = 1_000
/** Records stepped through before limits are looked at again. */
const SLICE_RECORDS = 64
/** Injected values of one batch. */
const MAX_INJECTED = 1_000
/**
 * Positions that moved past markers only are committed after so long, ms: far below any retention, so that a quiet
 * input's log never starts behind them.
 */
const QUIET_COMMIT_MS = 60_000
/** A reason at hand: without one each abort makes an exception with its stack, thousands a second. */
const WOKEN = 'woken'
/** How often an idle store is marked as level with its log, ms; its age is compared with days. */
const LEVEL_MS = 3_600_000

export class Task<C, X> {
  readonly #options: TaskOptions<C, X>
  readonly #life = new TaskLife()
  readonly #stopping = new AbortController()
  readonly #pacing: Pacing
  readonly #traced: TracedRecords
  #session: TransactionalSession | undefined
  #store: StateStore | undefined
  #inputs: InputStream | undefined
  #processor: Processor<C, X> | undefined
  #meta: TaskMeta = EMPTY_META
  /** Next offset of each input: ahead of meta by markers only, between batches. */
  #positions: Record<string, number> = {}
  /** The same as of the last batch that has ended: what `view` includes. Ahead of it lies what is being committed. */
  #reached: Readonly<Record<string, number>> = {}
  #clockMs = 0
  #nextTickMs = 0
  #lastCommitMs = 0
  #committed = 0
  #adopted: number | null = null
  #introduced = false
  /** T5. */
  #moreToDo = false
  /** Whether this task's epoch is the active one. */
  #publishes = false
  #wake = () => {}
  #progress: { records: number; left: number } | undefined

  constructor(options: TaskOptions<C, X>) {
    this.#options = options
    this.#pacing = new Pacing(options.limits)
    this.#traced = new TracedRecords(options.tracer, options.topology.name, options.partition)
  }

  get state(): TaskState {
    return this.#life.state
  }

  get closing(): Closing | undefined {
    return this.#life.closing
  }

  /** Batches this life has committed. */
  get committed(): number {
    return this.#committed
  }

  get meta(): TaskMeta {
    return this.#meta
  }

  get positions(): Readonly<Record<string, number>> {
    return this.#positions
  }

  get reached(): Readonly<Record<string, number>> {
    return this.#reached
  }

  get progress(): { readonly records: number; readonly left: number } | undefined {
    return this.#life.state === 'restoring' ? this.#progress : undefined
  }

  /** Records known to be waiting; undefined before the first fetch. */
  get lag(): number | undefined {
    let lag = 0
    for (const topic of this.#options.topology.inputs) {
      const end = this.#inputs?.endOf(topic)
      if (end === undefined) return undefined
      lag += Math.max(0, end - (this.#positions[topic.name] ?? 0))
    }
    return lag
  }

  view(): StateView | undefined {
    const { state } = this.#life
    if (!this.#store || (state !== 'running' && state !== 'draining')) return undefined
    return viewStore(this.#store, this.#options.topology, this.#options.partition)
  }

  /** Something was injected, or the configuration has changed. */
  wake(): void {
    this.#wake()
  }

  /** Lets the batch that is being committed end, and closes. */
  drain(): void {
    this.#stopping.abort()
    this.#wake()
  }

  /** Resolves after a clean close; rejects with what ended this life, after a dirty one. */
  async run(): Promise<void> {
    try {
      await this.#open()
      if (!this.#stopping.signal.aborted) {
        this.#to('running')
        await this.#batches()
      }
      if (this.#life.state === 'running') this.#to('draining')
      await this.#close('clean')
    } catch (error) {
      const stopped = this.#stopping.signal.aborted && this.#life.state === 'restoring'
      await this.#close('dirty')
      if (!stopped) throw error
    }
  }

  #to(state: Exclude<TaskState, 'closed'>): void {
    this.#life.to(state)
    this.#options.onState(state)
  }

  async #close(how: Closing): Promise<void> {
    this.#inputs?.close()
    // Nobody is given a view of a store that is being closed: reading one throws.
    const store = this.#store
    this.#store = undefined
    await this.#session?.discard().catch(() => {})
    let failed: unknown
    await store?.close().catch((error: unknown) => (failed = error))
    this.#life.close(how === 'clean' && failed === undefined ? 'clean' : 'dirty')
    this.#options.onState('closed')
    if (how === 'clean' && failed !== undefined) throw failed
  }

  async #open(): Promise<void> {
    const { topology, partition, log, stores, group, clock, logger, configuration, epoch } = this.#options
    const { signal } = this.#stopping
    this.#to('restoring')
    this.#session = await log.openSession(`${group}.${partition}`)
    const claimedAtMs = clock.now()
    const claims = await claimChangeLogs(this.#session, this.#options)
    this.#publishes = await epochPublishes({ log, logger, topology, partition, epoch })
    this.#store = await stores.open({ group, partition })
    await restoreState({
      log,
      store: this.#store,
      partition,
      changeLogs: changeLogsOf(topology),
      metaLog: topology.metaLog,
      claims,
      claimedAtMs,
      clock,
      logger,
      signal,
      onProgress: (progress) => (this.#progress = progress),
    })
    const saved = this.#store.get(META_KEY)
    this.#meta = saved === undefined ? EMPTY_META : decodeMeta(saved)
    this.#adopted = this.#meta.configurationOffset
    this.#clockMs = this.#meta.clockMs
    this.#positions = await startPositions(log, topology, partition, this.#meta)
    this.#reached = { ...this.#positions }
    if (configuration && this.#adopted !== null)
      await untilConfigurationIsRead(configuration, this.#adopted, { partition, logger, signal })
    this.#processor = topology.create(partition)
    this.#inputs = log.openInputs(
      topology.inputs.map((topic) => ({ topic, partition, offset: this.#positions[topic.name]! })),
    )
    this.#inputs.onAvailable(() => this.#wake())
    this.#nextTickMs = this.#lastCommitMs = clock.now()
  }

  async #batches(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#untilWork()
      this.#inputs!.check()
      if (this.#stopping.signal.aborted) return
      await this.#batch()
    }
  }

  /** Waits for something to do, and then until the gap to the last commit is over or a full batch is there. */
  async #untilWork(): Promise<void> {
    const { clock, limits } = this.#options
    for (;;) {
      if (this.#stopping.signal.aborted) return
      this.#inputs!.check()
      const now = clock.now()
      const { chunks, records, bytes } = this.#inputs!.buffered()
      if (records >= limits.maxRecords || bytes >= limits.maxInputBytes) return
      const waiting = chunks > 0 || this.#options.injected.length > 0 || this.#moreToDo
      const work = waiting || this.#newConfiguration()
      const waitMs = work ? this.#pacing.waitMs(now) : this.#nextTickMs - now
      if (waitMs <= 0) return
      const woken = new AbortController()
      this.#wake = () => woken.abort(WOKEN)
      await clock.sleep(waitMs, woken.signal)
    }
  }

  #newConfiguration(): boolean {
    const current = this.#options.configuration?.current()
    return current !== undefined && (!this.#introduced || current.offset > (this.#adopted ?? -1))
  }

  async #batch(): Promise<void> {
    const { topology, partition, epoch, counts, clock } = this.#options
    const startMs = clock.now()
    const batch = new Batch({ topology, partition, epoch, counts, store: this.#store!, meta: this.#meta })
    const adoptedBefore = this.#adopted
    this.#introduce(batch)
    this.#tick(batch, startMs)
    const injected = this.#inject(batch)
    const records = this.#records(batch, startMs)
    this.#guard('endBatch', () => this.#processor!.endBatch?.(batch))
    const quiet = records === 0 && !batch.hasEffects && this.#adopted === adoptedBefore
    this.#moreToDo = batch.hasMoreToDo && batch.hasEffects
    if (quiet && !this.#positionsDue(startMs)) {
      this.#reached = { ...this.#positions }
      this.#options.injected.splice(0, injected)
      this.#level(startMs)
      return
    }
    const finished = batch.finish({
      positions: this.#positions,
      clockMs: this.#clockMs,
      configurationOffset: this.#adopted,
    })
    await this.#commit(finished)
    const endMs = clock.now()
    this.#pacing.committed(startMs, endMs)
    this.#lastCommitMs = endMs
    this.#options.injected.splice(0, injected)
    this.#traced.committed(startMs, endMs)
    this.#options.onCommit({
      partition,
      records,
      sent: finished.outputs.length,
      changed: finished.rows.length - 1,
      durationMs: endMs - startMs,
    })
  }

  /** P4: the adopted configuration is the first input of a life; a newer one follows at once. */
  #introduce(batch: Batch): void {
    const { configuration } = this.#options
    if (!configuration) return
    if (!this.#introduced) {
      const adopted = this.#adopted === null ? undefined : configuration.at(this.#adopted)
      if (adopted) this.#step(batch, { kind: 'configuration', configuration: adopted })
      this.#introduced = true
    }
    const current = configuration.current()
    if (current && current.offset > (this.#adopted ?? -1)) {
      this.#adopted = current.offset
      this.#step(batch, { kind: 'configuration', configuration: current })
    }
  }

  #tick(batch: Batch, nowMs: number): void {
    if (nowMs < this.#nextTickMs) return
    this.#nextTickMs = nowMs + TICK_MS
    this.#clockMs = Math.max(this.#clockMs, nowMs)
    this.#step(batch, { kind: 'tick', nowMs: this.#clockMs })
  }

  #inject(batch: Batch): number {
    const values = this.#options.injected.slice(0, MAX_INJECTED)
    for (const value of values) this.#step(batch, { kind: 'injected', value })
    return values.length
  }

  #records(batch: Batch, startMs: number): number {
    const { limits, clock } = this.#options
    let records = 0
    let bytes = 0
    while (
      records < limits.maxRecords &&
      bytes < limits.maxInputBytes &&
      batch.sentBytes < limits.maxOutputBytes &&
      clock.now() - startMs <= limits.computeMs
    ) {
      const taken = this.#inputs!.take({
        records: Math.min(SLICE_RECORDS, limits.maxRecords - records),
        bytes: limits.maxInputBytes - bytes,
      })
      if (taken.length === 0) break
      for (const { topic, partition, records: slice, nextOffset, bytes: size } of taken) {
        for (const record of slice) {
          if (record.offset < this.#positions[topic.name]!) continue
          this.#step(batch, { kind: 'record', record: { topic, partition, ...record } })
          this.#traced.take(topic, record)
          records++
        }
        this.#positions[topic.name] = Math.max(this.#positions[topic.name]!, nextOffset)
        bytes += size
      }
    }
    return records
  }

  #step(batch: Batch, input: Input<C, X>): void {
    const where =
      input.kind === 'record' ? `${input.record.topic.name} offset ${input.record.offset}` : input.kind
    this.#guard(where, () => this.#processor!.step(batch, input))
  }

  #guard(where: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      const { topology, partition } = this.#options
      throw processorFault(`${topology.name}-${partition}`, where, error)
    }
  }

  async #commit(finished: FinishedBatch): Promise<void> {
    const { topology, partition } = this.#options
    const outputs = this.#publishes ? finished.outputs : withoutPublic(finished.outputs)
    const sent = await this.#session!.send([...outputs, ...finished.changeLog])
    await this.#session!.commit()
    this.#store!.write({
      rows: finished.rows,
      ends: changeLogEnds(topology, partition, sent),
      asOfMs: this.#options.clock.now(),
    })
    this.#meta = finished.meta
    this.#reached = { ...this.#positions }
    this.#committed++
  }

  #positionsDue(nowMs: number): boolean {
    if (nowMs - this.#lastCommitMs < QUIET_COMMIT_MS) return false
    return Object.entries(this.#positions).some(
      ([topic, offset]) => offset > (this.#meta.positions[topic] ?? -1),
    )
  }

  #level(nowMs: number): void {
    if (nowMs - (this.#store!.asOfMs() ?? 0) > LEVEL_MS)
      this.#store!.write({ rows: [], ends: new Map(), asOfMs: nowMs })
  }
}
