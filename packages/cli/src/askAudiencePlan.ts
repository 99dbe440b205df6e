/**
 * Who would enter and leave by a proposal, and what that would send: worked out from the event log alone, and changes
 * nothing. Without a log a plan still says what would change; it then says too that this is not known.
 */
import {
  compareMembers,
  isCountedInLog,
  type ClickHouse,
  type MemberComparison,
} from '@tributary/clickhouse-log'
import {
  fromRevisionDocument,
  traitAggregate,
  type AudienceDocument,
  type Document,
  type SyncDocument,
} from '@tributary/configuration'
import type { Condition } from '@tributary/domain'
import { compareMemberships } from './commands/audiencePreview.ts'
import type { ConnectionFlags } from './connections.ts'
import { CommandError, type Context } from './context.ts'
import type { Proposal, RevisionDocuments } from './proposal.ts'
import { withEventLog } from './withEventLog.ts'

/** Profiles named of those who would enter, and of those who would leave, when nothing is said. */
const AUDIENCE_SAMPLES = 20

export interface Movement {
  readonly count: number
  /** Profile ids, sorted. */
  readonly samples: readonly string[]
}

/** What a sync would send because of it. */
export interface CausedDeliveries {
  readonly sync: string
  readonly to: string
  readonly deliveries: number
}

export type AudiencePlan =
  | {
      readonly audience: string
      /** The moment windows look back from, ISO-8601. */
      readonly asOf: string
      readonly members: number
      readonly enter: Movement
      readonly leave: Movement
      readonly deliveries: readonly CausedDeliveries[]
    }
  | { readonly audience: string; readonly unknown: string }

/** Of each audience whose members the proposal may change, sorted by id. */
export async function askAudiencePlan(
  context: Context,
  { documents, plan }: Pick<Proposal, 'documents' | 'plan'>,
  held: RevisionDocuments,
  flags: ConnectionFlags & { readonly samples?: number },
): Promise<AudiencePlan[]> {
  const [before, after] = [held.map(fromRevisionDocument), documents.map(fromRevisionDocument)]
  const adopted = new Set(plan.adoptions)
  const ids = affectedAudiences(before, after, adopted)
  if (ids.length === 0) return []
  const samples = flags.samples ?? AUDIENCE_SAMPLES
  const asOf = new Date(context.now()).toISOString()
  const blind = new Map(ids.map((id) => [id, unknownTrait(id, after, adopted)]))
  const known = ids.filter((id) => blind.get(id) === undefined)
  try {
    const found = await withEventLog(context, flags, (log) =>
      compareAll(log, context, { ids: known, after, adopted, samples }),
    )
    return ids.map((audience): AudiencePlan => {
      const trait = blind.get(audience)
      if (trait !== undefined)
        return {
          audience,
          unknown: `it reads ${trait}, which is new or changed and no number the log can count`,
        }
      const { members, enter, leave } = found.get(audience)!
      const counts = { members, enter: enter.count, leave: leave.count }
      return {
        audience,
        asOf,
        members,
        enter,
        leave,
        deliveries: deliveriesOf(audience, before, after, counts),
      }
    })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return ids.map((audience) => ({ audience, unknown: error.message }))
  }
}

/** One that is gone loses its members; one that is disabled keeps them. */
async function compareAll(
  log: ClickHouse,
  context: Context,
  {
    ids,
    after,
    adopted,
    samples,
  }: {
    readonly ids: readonly string[]
    readonly after: readonly Document[]
    readonly adopted: ReadonlySet<string>
    readonly samples: number
  },
): Promise<Map<string, MemberComparison>> {
  const audiences = audiencesOf(after)
  const judged = ids.filter((id) => audiences.get(id) && !audiences.get(id)!.disabled)
  const compared = await compareMemberships(log, context, after, {
    ids: judged,
    samples,
    asWritten: (trait) => adopted.has(`trait/${trait}`),
  })
  const still = ids.filter((id) => !judged.includes(id))
  const nobody = "SELECT '' AS profile_id, '' AS audience WHERE false"
  const members = await compareMembers(log, { audiences: still, members: nobody, samples })
  return new Map<string, MemberComparison>([
    ...compared.map((each) => [each.audience, each] as const),
    ...still.map((id) => {
      const { enter, leave } = members.get(id)!
      const stays = audiences.has(id)
      return [id, { members: stays ? leave.count : 0, enter, leave: stays ? enter : leave }] as const
    }),
  ])
}

/** Those that are new, changed or gone, those that read a trait that is, and those that read one of them. */
export function affectedAudiences(
  before: readonly Document[],
  after: readonly Document[],
  adopted: ReadonlySet<string>,
): string[] {
  const [old, now] = [audiencesOf(before), audiencesOf(after)]
  const affected = new Set([...old.keys(), ...now.keys()].filter((id) => adopted.has(`audience/${id}`)))
  for (let size = -1; size < affected.size;) {
    size = affected.size
    for (const [id, { where }] of now)
      if (
        readsOf(where).some(([kind, name]) =>
          kind === 'trait' ? adopted.has(`trait/${name}`) : affected.has(name),
        )
      )
        affected.add(id)
  }
  return [...affected].sort()
}

function audiencesOf(documents: readonly Document[]): Map<string, AudienceDocument> {
  return new Map(documents.flatMap((each) => (each.kind === 'Audience' ? [[each.id, each]] : [])))
}

/** The traits and audiences that a condition names. */
function readsOf(where: Condition): ['trait' | 'audience', string][] {
  if ('all' in where) return where.all.flatMap(readsOf)
  if ('any' in where) return where.any.flatMap(readsOf)
  if ('not' in where) return readsOf(where.not)
  if ('trait' in where) return [['trait', where.trait]]
  return 'audience' in where ? [['audience', where.audience]] : []
}

/** A trait it reads, by itself or through others, that is changed and cannot be counted in the log. */
function unknownTrait(
  id: string,
  documents: readonly Document[],
  adopted: ReadonlySet<string>,
): string | undefined {
  const audiences = audiencesOf(documents)
  const seen = new Set<string>()
  const look = (where: Condition): string | undefined => {
    for (const [kind, name] of readsOf(where)) {
      if (kind === 'audience') {
        const read = seen.has(name) ? undefined : audiences.get(name)
        seen.add(name)
        const found = read && look(read.where)
        if (found !== undefined) return found
        continue
      }
      if (!adopted.has(`trait/${name}`)) continue
      const trait = documents.find((each) => each.kind === 'Trait' && each.id === name)
      const aggregate = trait?.kind === 'Trait' ? traitAggregate(trait, '') : undefined
      if (aggregate && !isCountedInLog(aggregate)) return name
    }
    return undefined
  }
  const audience = audiences.get(id)
  return audience && look(audience.where)
}

/** Whether a sync sends those who are in its audience already, or enter because it is made or widened. */
export function sendsExisting(sync: SyncDocument | undefined): sync is AudienceSync {
  return (
    sync?.existing === 'send' &&
    sync.disabled !== true &&
    'audience' in sync.from &&
    (sync.on === undefined || sync.on.includes('entered'))
  )
}

export type AudienceSync = SyncDocument & { readonly from: { readonly audience: string } }

/** Whether a sync sends all members there are because it begins; once for each audience and destination. */
export function beginsToSend(sync: SyncDocument, before: SyncDocument | undefined): boolean {
  if (!sendsExisting(sync)) return false
  return !sendsExisting(before) || before.from.audience !== sync.from.audience || before.to !== sync.to
}

/** What each sync would send because so many enter and leave. */
export function deliveriesOf(
  id: string,
  before: readonly Document[],
  after: readonly Document[],
  { members, enter, leave }: { members: number; enter: number; leave: number },
): CausedDeliveries[] {
  const known = new Map(before.flatMap((each) => (each.kind === 'Sync' ? [[each.id, each]] : [])))
  return after.flatMap((sync): CausedDeliveries[] => {
    if (sync.kind !== 'Sync' || sync.disabled === true) return []
    if ('profile' in sync.from) {
      const { paths } = sync.from.profile
      const wants = !paths || paths.some((path) => path === 'audiences' || path === `audiences.${id}`)
      return wants ? [{ sync: sync.id, to: sync.to, deliveries: enter + leave }] : []
    }
    if (sync.from.audience !== id) return []
    const left = sync.on === undefined || sync.on.includes('left') ? leave : 0
    const entered = beginsToSend(sync, known.get(sync.id)) ? members : sendsExisting(sync) ? enter : 0
    return [{ sync: sync.id, to: sync.to, deliveries: entered + left }]
  })
}
