/**
 * Writes a revision with compare-and-set and no server: append, then read back who won (R1 of revisions.ts).
 */
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { heldRevision, readRevisions, type LoggedRevision } from './revisions.ts'

/** The config topic as its writers see it. */
export interface ConfigLog {
  /** Every record from the start to the present end. */
  read(): Promise<readonly { readonly offset: number; readonly value: Buffer | null }[]>
  /** Resolves when all in-sync replicas have it. */
  append(key: string, value: Uint8Array): Promise<{ readonly offset: number }>
}

export type WriteOutcome =
  | { readonly won: true; readonly offset: number; readonly revision: Revision }
  /** Another writer's record came first; nothing of ours holds. */
  | { readonly won: false; readonly by: LoggedRevision | undefined }

export async function writeRevision(log: ConfigLog, revision: Revision): Promise<WriteOutcome> {
  const value = Revision.encode(revision).finish()
  const { offset } = await log.append(String(revision.revision), value)
  const revisions = readRevisions(await log.read())
  const ours = revisions.find((each) => each.offset === offset)
  if (ours?.accepted) return { won: true, offset, revision }
  // A producer that retries may have written it twice: the copy that came first counts, and it is ours too.
  const copy = revisions.find(
    (each) => each.accepted && Buffer.from(Revision.encode(each.revision).finish()).equals(value),
  )
  if (copy) return { won: true, offset: copy.offset, revision }
  const by =
    revisions.find((each) => each.accepted && each.revision.revision === revision.revision) ??
    heldRevision(revisions)
  return { won: false, by }
}
