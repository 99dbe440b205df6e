/**
 * Who would be sent because a sync begins, and not because something changed: the members its audience has already.
 * Asked before it happens, since 400,000 calls cannot be taken back.
 */
import {
  AudienceServiceClient,
  type ListAudiencesRequest,
  type ListAudiencesResponse,
} from '@tributary/contracts/generated/tributary/audience/v1/audience_service'
import { type SyncDocument, canonicalJson, fromRevisionDocument } from '@tributary/configuration'
import { findService } from './connections.ts'
import { CommandError, type Context } from './context.ts'
import { ask } from './grpcCall.ts'
import { counted } from './output/table.ts'
import type { Proposal, RevisionDocuments } from './proposal.ts'

/** A first send of more than so many has to be said: more than a mistake should cost. */
export const MAX_UNASKED = 1_000

export interface FirstSend {
  readonly sync: string
  readonly to: string
  readonly audience: string
  /** Absent: the audience is new or changed, or nobody can be asked. */
  readonly members?: number
}

/** Of each sync with `existing: send` that begins with the proposal. */
export async function askFirstSends(
  context: Context,
  { plan, documents }: Proposal,
  held: RevisionDocuments,
): Promise<FirstSend[]> {
  const before = new Map(syncsOf(held).map((sync) => [sync.id, sync]))
  const beginning = syncsOf(documents).filter((sync) => begins(sync, before.get(sync.id)))
  if (beginning.length === 0) return []
  const changed = new Set(plan.changes.map(({ document }) => document))
  const sizes = await sizesOf(context)
  return beginning.map(({ id, to, from }) => {
    const { audience } = from
    const members = changed.has(`audience/${audience}`) ? undefined : sizes?.get(audience)
    return { sync: id, to, audience, ...(members !== undefined && { members }) }
  })
}

type AudienceSync = SyncDocument & { readonly from: { readonly audience: string } }

function syncsOf(documents: RevisionDocuments): AudienceSync[] {
  return documents
    .map(fromRevisionDocument)
    .filter((each): each is AudienceSync => each.kind === 'Sync' && 'audience' in each.from)
}

function begins(sync: AudienceSync, before: AudienceSync | undefined): boolean {
  if (sync.existing !== 'send' || sync.disabled === true) return false
  return (
    before?.existing !== 'send' ||
    before.disabled === true ||
    canonicalJson([before.from, before.to]) !== canonicalJson([sync.from, sync.to])
  )
}

/** Undefined when nobody can be asked. */
async function sizesOf(context: Context): Promise<Map<string, number> | undefined> {
  const target = findService(context, 'profile-store')
  if (!target) return undefined
  try {
    const { audiences } = await ask<AudienceServiceClient, ListAudiencesRequest, ListAudiencesResponse>(
      target,
      'profile-store',
      AudienceServiceClient,
      (client) => client.listAudiences.bind(client),
      {},
    )
    return new Map(audiences.map(({ id, members }) => [id, members]))
  } catch (error) {
    if (error instanceof CommandError) return undefined
    throw error
  }
}

/** One line for each. */
export function firstSendsText(sends: readonly FirstSend[]): string {
  return sends.map((each) => `  ${sentence(each)}`).join('\n')
}

function sentence({ sync, to, audience, members }: FirstSend): string {
  const who =
    members === undefined
      ? 'everybody who is in it by then; how many is not known yet'
      : counted(members, 'person', 'people')
  return `sync ${sync} begins, and sends ${to} the members ${audience} has already: ${who}`
}

/** Refuses what was not asked for: at most `allowed` may be sent, MAX_UNASKED when nothing is said. */
export function refuseFirstSends(sends: readonly FirstSend[], allowed: number | undefined): void {
  const most = allowed ?? MAX_UNASKED
  const over = sends.filter(({ members }) => (members === undefined ? allowed === undefined : members > most))
  if (over.length === 0) return
  throw new CommandError(
    `nothing was written: more than ${most} people would be sent, or nobody knows how many; say how many may be with --send-existing <number>, or leave them out with \`existing: skip\`:`,
    over.map(sentence),
  )
}
