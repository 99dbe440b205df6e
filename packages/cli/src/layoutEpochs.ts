/** Which layout epoch a revision is for: what can move an anchor holds only where everything is made anew. */
import { type LoggedRevision, type Plan, heldRevision } from '@tributary/configuration'
import { topics } from '@tributary/contracts'
import { readActiveEpoch } from '@tributary/stream-runtime'
import { CommandError } from './context.ts'
import type { KafkaDoor } from './kafkaDoor.ts'

/** Undefined for a revision that holds for every epoch. */
export async function epochOfNext(
  door: KafkaDoor,
  plan: Plan,
  last: LoggedRevision | undefined,
): Promise<number | undefined> {
  const isRebuild = plan.counts.rebuild > 0
  if (!isRebuild && !last?.revision.layoutEpoch) return undefined
  const active = await activeEpoch(door)
  if (isRebuild && door.epoch !== active + 1)
    throw new CommandError(
      `this can move anchors, so it holds from layout epoch ${active + 1} on: run it with LAYOUT_EPOCH=${active + 1}, then rebuild; nothing was written`,
    )
  if (isRebuild) return door.epoch
  // Until that epoch is active, those of the one before go on with what they have.
  return last && last.revision.layoutEpoch > active ? last.revision.layoutEpoch : undefined
}

/** A revision made from an earlier one than the last would undo what a coming epoch is built with. */
export function refuseBehind(
  revisions: readonly LoggedRevision[],
  held: LoggedRevision | undefined,
  epoch: number,
): void {
  const last = heldRevision(revisions)
  if (!last || last === held) return
  const { revision, layoutEpoch } = last.revision
  throw new CommandError(
    `revision ${revision} is for layout epoch ${layoutEpoch}, which is being built: run this with LAYOUT_EPOCH=${layoutEpoch}, ` +
      `or take it back with \`LAYOUT_EPOCH=${epoch} tributary rollback ${held?.revision.revision ?? 0}\``,
  )
}

async function activeEpoch(door: KafkaDoor): Promise<number> {
  const { start, end } = (await door.bounds(topics.layout))?.[0] ?? { start: 0, end: 0 }
  return readActiveEpoch({
    bounds: () => Promise.resolve({ start, end, committedEnd: end }),
    async *read() {
      for await (const { offset, key, value, timestampMs } of door.read(topics.layout, 0, start, end))
        yield { records: [{ offset, key, value, timestampMs, headers: {} }], nextOffset: offset + 1 }
    },
  })
}
