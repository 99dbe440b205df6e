/**
 * AudienceService: who is in an audience, and why, from the committed state of all partitions.
 *
 *  V1. Sizes are of every partition or of none: half a number is no answer.
 *  V2. Members come partition by partition, by profile id: a page that was given is not given again, and nobody who
 *      stays a member is missed.
 *  V3. An explanation is judged by the code and from the state that the profile task judges with.
 */
import { status } from '@grpc/grpc-js'
import {
  type AudiencePeerServiceClient,
  type PartitionAudience,
} from '@tributary/contracts/generated/tributary/audience/v1/audience_peers'
import {
  type AudienceServiceServer,
  AudienceServiceService,
  type AudienceSize,
  type ExplainMembershipRequest,
  type ExplainMembershipResponse,
  type ListAudiencesRequest,
  type ListAudiencesResponse,
  type ListMembersRequest,
  type ListMembersResponse,
  type Member,
} from '@tributary/contracts/generated/tributary/audience/v1/audience_service'
import {
  type Caller,
  type GrpcService,
  type Logger,
  type PeerClients,
  Refusal,
  answering,
  askOwner,
  askOwners,
  callPeer,
  grpcService,
  noPageToken,
  pageTokenOf,
  readPageToken,
} from '@tributary/service-kit'
import { type Instances, lookupsFor } from '../grpc/askInstances.ts'
import { type IdentifierReading, findProfile, readProfileRef } from '../grpc/findProfile.ts'
import { PROFILES, type ProfileViews, profilePartition } from '../grpc/profilePartitions.ts'
import { readingOf } from '../grpc/profileReads.ts'
import {
  type MembersAsked,
  countMembers,
  explainProfile,
  listPartitionMembers,
} from './audiencePartitions.ts'

const DEFAULT_PAGE = 100
/** Of 60 bytes each: far below the 8 MiB of a message. */
const MAX_PAGE = 1_000

export interface AudienceServiceOptions {
  readonly views: ProfileViews
  readonly instances: Instances
  readonly peers: PeerClients<AudiencePeerServiceClient>
  /** Undefined until the first revision of the configuration has been read. */
  readonly reading: () => IdentifierReading | undefined
  readonly logger: Logger
}

export function createAudienceService(options: AudienceServiceOptions): GrpcService {
  const { views, instances, logger } = options
  const asked = { nodeId: instances.nodeId, peers: options.peers }
  const profiles = {
    of: PROFILES,
    owners: instances.profileOwners,
    has: (partition: number) => views.profile(partition) !== undefined,
  }

  /** V1. */
  async function sizes(call: Caller): Promise<AudienceSize[]> {
    const answers = await askOwners(asked, {
      ...profiles,
      call,
      partitions: Array.from({ length: views.counts.profile }, (_, partition) => partition),
      here: (partitions) => countMembers(views, partitions),
      there: async (peer, partitions) =>
        (await callPeer(peer.countMembers.bind(peer), { partitions: [...partitions] }, call)).audiences,
    })
    return sumSizes(answers.flat(), views.counts.profile)
  }

  function membersOf(call: Caller, wanted: MembersAsked): Promise<readonly Member[]> {
    return askOwner<AudiencePeerServiceClient, readonly Member[]>(asked, {
      ...profiles,
      call,
      partition: wanted.partition,
      here: () => listPartitionMembers(views, wanted),
      there: async (peer) => (await callPeer(peer.listPartitionMembers.bind(peer), wanted, call)).members,
    })
  }

  /** V2. */
  async function listMembers(request: ListMembersRequest, call: Caller): Promise<ListMembersResponse> {
    const { audience, pageSize, pageToken } = request
    if (pageSize > MAX_PAGE)
      throw new Refusal(status.INVALID_ARGUMENT, `page_size is ${pageSize}; at most ${MAX_PAGE}`)
    const size = pageSize || DEFAULT_PAGE
    const start = pageToken === '' ? { partition: 0, after: '' } : readPlace(pageToken, views)
    if (!(await sizes(call)).some(({ id }) => id === audience)) throw noAudience(audience)
    const members: Member[] = []
    let { partition, after } = start
    while (partition < views.counts.profile) {
      const limit = size - members.length
      // oxlint-disable-next-line no-await-in-loop -- the next partition is asked only when the page has room
      const found = await membersOf(call, { audience, partition, after, limit })
      members.push(...found)
      if (found.length === limit)
        return { members, nextPageToken: pageTokenOf(partition, found.at(-1)!.profileId) }
      partition++
      after = ''
    }
    return { members, nextPageToken: '' }
  }

  /** V3. */
  async function explain(
    { audience, ref }: ExplainMembershipRequest,
    call: Caller,
  ): Promise<ExplainMembershipResponse> {
    const lookups = lookupsFor(call, views, instances)
    const { profileId } = await findProfile(await readProfileRef(ref, lookups, readingOf(options)), lookups)
    const wanted = { audience, profileId }
    const explanation = await askOwner<AudiencePeerServiceClient, ExplainMembershipResponse | undefined>(
      asked,
      {
        ...profiles,
        call,
        partition: profilePartition(views, profileId),
        here: () => explainProfile(views, wanted),
        there: async (peer) => (await callPeer(peer.explainProfile.bind(peer), wanted, call)).explanation,
      },
    )
    if (!explanation) throw noAudience(audience)
    return explanation
  }

  const implementation: AudienceServiceServer = {
    listAudiences: answering<ListAudiencesRequest, ListAudiencesResponse>(logger, async (_request, call) => ({
      audiences: await sizes(call),
    })),
    listMembers: answering<ListMembersRequest, ListMembersResponse>(logger, listMembers),
    explainMembership: answering<ExplainMembershipRequest, ExplainMembershipResponse>(logger, explain),
  }
  return grpcService(AudienceServiceService, implementation)
}

/** One for each audience, of what the partitions say. */
function sumSizes(counted: readonly PartitionAudience[], partitions: number): AudienceSize[] {
  const byId = new Map<string, PartitionAudience[]>()
  for (const each of counted) byId.set(each.id, [...(byId.get(each.id) ?? []), each])
  return [...byId]
    .map(([id, of]) => ({
      id,
      members: of.reduce((sum, { members }) => sum + members, 0),
      hash: of[0]!.hash,
      switching: of.length < partitions || of.some(({ hash }) => hash !== of[0]!.hash),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

function noAudience(id: string): Refusal {
  return new Refusal(
    status.NOT_FOUND,
    `no audience "${id.slice(0, 64)}" is judged; ListAudiences names those that are`,
  )
}

function readPlace(token: string, { counts }: ProfileViews): { partition: number; after: string } {
  const match = readPageToken(token, /^(\d{1,9})\/([0-9a-f]{32}-\d{1,10})$/, 100)
  if (Number(match[1]) >= counts.profile) throw noPageToken()
  return { partition: Number(match[1]), after: match[2]! }
}
