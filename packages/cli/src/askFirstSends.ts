/**
 * Who would be sent because a sync begins or its audience is made or widened, and not because somebody did something:
 * the members its audience has already, or gets. Asked before it happens, since 400,000 calls cannot be taken back.
 */
import {
  AudienceServiceClient,
  type ListAudiencesRequest,
  type ListAudiencesResponse,
} from '@tributary/contracts/generated/tributary/audience/v1/audience_service'
import { type SyncDocument, fromRevisionDocument } from '@tributary/configuration'
import { type AudiencePlan, beginsToSend, sendsExisting } from './askAudiencePlan.ts'
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
  /** The sync begins, or its audience is made or changed under it. */
  readonly because: 'begins' | 'changed'
  /** Who would be sent; absent: nobody can be asked. */
  readonly members?: number
}

/** Of each sync with `existing: send` that begins with the proposal, or whose audience may get members by it. */
export async function askFirstSends(
  context: Context,
  { documents }: Pick<Proposal, 'documents'>,
  held: RevisionDocuments,
  audiences: readonly AudiencePlan[],
): Promise<FirstSend[]> {
  const before = new Map(syncsOf(held).map((sync) => [sync.id, sync]))
  const plans = new Map(audiences.map((plan) => [plan.audience, plan]))
  const sends = syncsOf(documents)
    .filter(sendsExisting)
    .map((sync) => ({ sync, begins: beginsToSend(sync, before.get(sync.id)) }))
    .filter(({ sync, begins }) => begins || plans.has(sync.from.audience))
  if (sends.length === 0) return []
  const sizes = sends.some(({ sync }) => !plans.has(sync.from.audience)) ? await sizesOf(context) : undefined
  return sends.flatMap(({ sync: { id, to, from }, begins }): FirstSend[] => {
    const { audience } = from
    const plan = plans.get(audience)
    const known = plan && !('unknown' in plan) ? (begins ? plan.members : plan.enter.count) : undefined
    const members = plan ? known : sizes?.get(audience)
    if (!begins && members === 0) return []
    const because = begins ? 'begins' : 'changed'
    return [{ sync: id, to, audience, because, ...(members !== undefined && { members }) }]
  })
}

function syncsOf(documents: RevisionDocuments): SyncDocument[] {
  return documents.map(fromRevisionDocument).filter((each): each is SyncDocument => each.kind === 'Sync')
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

function sentence({ sync, to, audience, because, members }: FirstSend): string {
  const who =
    members === undefined
      ? 'everybody who is in it by then; how many is not known yet'
      : counted(members, 'person', 'people')
  return because === 'begins'
    ? `sync ${sync} begins, and sends ${to} the members ${audience} has already: ${who}`
    : `sync ${sync} sends ${to} those who enter ${audience} because it is made or changed: ${who}`
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
