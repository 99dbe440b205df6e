import { type ProfileChangeRecord, topics } from '@tributary/contracts'
import { type RuntimeLog } from '@tributary/stream-runtime'

/** Records that are read one after the other once it is known that it is among them: one fetch. */
const NEAR = 256

/**
 * Offset of the first change of a partition after a version; versions grow along a partition. Undefined: the log does
 * not have that version any more, so what came right after it may be gone too.
 */
export async function offsetAfter(
  log: Pick<RuntimeLog, 'bounds' | 'read'>,
  partition: number,
  version: string,
): Promise<number | undefined> {
  const { start, committedEnd } = await log.bounds(topics.profileChanges, partition)
  let low = start
  let high = committedEnd
  while (high - low > NEAR) {
    const middle = Math.floor((low + high) / 2)
    // oxlint-disable-next-line no-await-in-loop -- where to look next is what this tells
    const found = await firstOf(log, partition, middle, high)
    if (found && found.version <= version) low = found.offset
    else high = middle
  }
  let isThere = false
  for await (const { records } of log.read(topics.profileChanges, partition, low, committedEnd))
    for (const { offset, value } of records) {
      const found = value && versionIn(value)
      if (!found) continue
      if (found > version) return isThere ? offset : undefined
      isThere ||= found === version
    }
  return isThere ? committedEnd : undefined
}

async function firstOf(
  log: Pick<RuntimeLog, 'read'>,
  partition: number,
  from: number,
  until: number,
): Promise<{ readonly offset: number; readonly version: string } | undefined> {
  for await (const { records } of log.read(topics.profileChanges, partition, from, until))
    for (const { offset, value } of records) if (value) return { offset, version: versionIn(value) }
  return undefined
}

function versionIn(value: Buffer): string {
  return (JSON.parse(value.toString()) as Pick<ProfileChangeRecord, 'version'>).version
}
