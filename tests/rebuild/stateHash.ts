/**
 * What an installation knows, as one hash: each profile that is alive, and each identifier that is not on its own.
 *
 * Left out is what tells of the way there and not of the state: versions, since when somebody is a member, and ids that
 * lead on (an id is led on only if it was ever public, which depends on what came first). Of a profile whose events all
 * went elsewhere only that it is there.
 */
import { createHash } from 'node:crypto'
import { credentials } from '@grpc/grpc-js'
import { type ProfileRecord, profileIdOf, topicName, topics } from '@tributary/contracts'
import { Assignment } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import {
  Profile,
  ProfileServiceClient,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { createKafka, readTopic } from '@tributary/kafka'
import { bearerCredentials, callUnary, createGrpcChannelOptions } from '@tributary/service-kit'
import type { Installation } from '../../deploy/local/src/launcher.ts'
import { readSecret } from '../../deploy/local/src/secretFiles.ts'

export interface StateHash {
  readonly hash: string
  readonly profiles: number
  readonly assignments: number
  /** What was hashed, a line each, sorted. */
  readonly lines: readonly string[]
}

/** As many as one call answers. */
const BATCH = 100

export async function stateHash(installation: Installation): Promise<StateHash> {
  const profiles = await profileLines(installation)
  const assignments = await assignmentLines(installation)
  const lines = [...profiles, ...assignments].sort()
  const hash = createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32)
  return { hash, profiles: profiles.length, assignments: assignments.length, lines }
}

async function profileLines(installation: Installation): Promise<string[]> {
  const { settings, secrets } = installation
  const kafka = createKafka({ brokers: settings['KAFKA_BROKERS']!.split(','), clientId: 'state-hash' })
  const alive = new Set<string>()
  for (let partition = 0; partition < Number(settings['PROFILE_PARTITIONS']); partition++)
    for await (const { records } of readTopic(kafka, {
      topic: topicName(settings['TOPIC_PREFIX']!, topics.profiles),
      partition,
    }))
      for (const { key, value } of records) {
        const record = value && (JSON.parse(value.toString()) as Partial<ProfileRecord>)
        if (record?.identifiers) alive.add(key!.toString())
        else alive.delete(key!.toString())
      }

  const client = new ProfileServiceClient(
    installation.addresses().profileStore!.grpc,
    credentials.createInsecure(),
    createGrpcChannelOptions(),
  )
  const call = { deadlineMs: 10_000, metadata: bearerCredentials(await readSecret(secrets.grpcToken)) }
  const lines: string[] = []
  try {
    const ids = [...alive].sort()
    for (let i = 0; i < ids.length; i += BATCH) {
      const refs = ids.slice(i, i + BATCH).map((value) => ({ ref: { $case: 'profileId' as const, value } }))
      const { results } = await callUnary(client.batchGetProfiles.bind(client), { refs }, call)
      for (const { profile } of results) if (profile) lines.push(lineOf(profile))
    }
  } finally {
    client.close()
  }
  return lines
}

function lineOf(profile: Profile): string {
  if (profile.events === 0) return JSON.stringify({ profileId: profile.profileId, empty: true })
  const {
    version: _version,
    json: _json,
    audiences,
    ...rest
  } = Profile.toJSON(profile) as Record<string, unknown>
  return JSON.stringify({ ...rest, audiences: Object.keys(audiences ?? {}).sort() })
}

async function assignmentLines({ settings }: Installation): Promise<string[]> {
  const kafka = createKafka({ brokers: settings['KAFKA_BROKERS']!.split(','), clientId: 'state-hash' })
  const prefix = { prefix: settings['TOPIC_PREFIX']!, epoch: Number(settings['LAYOUT_EPOCH'] ?? 1) }
  const assigned = new Map<string, Assignment>()
  for (let partition = 0; partition < Number(settings['IDENTIFIER_PARTITIONS']); partition++)
    for await (const { records } of readTopic(kafka, {
      topic: topicName(prefix, topics.assignments),
      partition,
    }))
      for (const { value } of records) {
        const assignment = value && Assignment.decode(value)
        if (assignment) assigned.set(assignment.identifierId, assignment)
      }
  return [...assigned.values()]
    .filter(({ identifierId, profileId, generation }) => profileId !== profileIdOf(identifierId, generation))
    .map(({ identifierId, profileId, generation }) => `${identifierId} ${generation} ${profileId}`)
}
