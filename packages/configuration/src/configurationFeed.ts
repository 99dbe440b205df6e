/**
 * The configuration of one process: follows the config topic and says what holds now and what held at an offset.
 *
 * Invariants:
 *  F1. A record whose parent is not the revision held is ignored: the log's order is the compare-and-set.
 *  F2. `at(offset)` answers for every offset up to the newest accepted, also for ones that were ignored: what held
 *      there is the last accepted revision at or before it.
 *  F3. A revision that cannot be used (made by a newer version) is kept as the parent of later ones, but what was
 *      usable before goes on holding, and `unusable()` says why.
 *  F4. A revision for a later layout epoch than the process works for is kept as the parent of later ones, and no more.
 */
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { acceptRevision } from './acceptRevision.ts'
import { buildWorkspace, type WorkspaceConfiguration } from './workspaceConfiguration.ts'

/** The same as the runtime's AdoptedConfiguration. */
export interface HeldConfiguration<C> {
  readonly offset: number
  readonly revision: number
  readonly value: C
}

export interface ConfigurationFeed<C> {
  /** Undefined until the first revision has been read. */
  current(): HeldConfiguration<C> | undefined
  /** What held at an offset of the config topic; undefined before the first revision. */
  at(offset: number): HeldConfiguration<C> | undefined
  /** Called after each change of `current()`; returns the way to stop. */
  onChange(listener: (configuration: HeldConfiguration<C>) => void): () => void
}

export interface ConfigRecord {
  readonly offset: number
  readonly value: Buffer | null
}

/**
 * Reads the one partition of the config topic from its start and goes on for ever; resolves once what was there at
 * the beginning has been handed over, so that a process starts with the newest revision.
 */
export interface FollowConfigTopic {
  (onRecord: (record: ConfigRecord) => void): Promise<{ stop(): Promise<void> }>
}

export interface ProcessConfiguration<C> extends ConfigurationFeed<C> {
  /** Why the newest revision is not the one in use; undefined when it is. */
  unusable(): { readonly revision: number; readonly reason: string } | undefined
  stop(): Promise<void>
}

export interface ConfigurationFeedOptions<C> {
  readonly follow: FollowConfigTopic
  /** What the service makes of a workspace; may throw to refuse it. */
  readonly build: (workspace: WorkspaceConfiguration, offset: number) => C
  /** Layout epoch the process works for (F4); left out by one that works for all. */
  readonly epoch?: number
}

export async function createConfigurationFeed<C = WorkspaceConfiguration>(
  options: ConfigurationFeedOptions<C>,
): Promise<ProcessConfiguration<C>> {
  const held: HeldConfiguration<C>[] = []
  const listeners = new Set<(configuration: HeldConfiguration<C>) => void>()
  let newest = 0
  let refused: { revision: number; reason: string } | undefined

  function onRecord(record: ConfigRecord) {
    if (!record.value) return
    const revision = Revision.decode(record.value)
    if (!acceptRevision(newest, revision)) return
    newest = revision.revision
    if (revision.layoutEpoch > (options.epoch ?? Infinity)) return
    let value: C
    try {
      value = options.build(buildWorkspace(revision), record.offset)
    } catch (error) {
      refused = {
        revision: revision.revision,
        reason: error instanceof Error ? error.message : String(error),
      }
      return
    }
    refused = undefined
    const configuration = { offset: record.offset, revision: revision.revision, value }
    held.push(configuration)
    for (const listener of listeners) listener(configuration)
  }

  const following = await options.follow(onRecord)
  return {
    current: () => held.at(-1),
    at: (offset) => held.findLast((each) => each.offset <= offset),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    unusable: () => refused,
    stop: () => following.stop(),
  }
}
