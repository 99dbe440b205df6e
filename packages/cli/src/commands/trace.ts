import type { Command } from 'commander'
import { readMessageTrace, type MessageTrace, type TracedEvent } from '@tributary/clickhouse-log'
import type { ProfileRecord } from '@tributary/contracts'
import { PositionToken } from '@tributary/contracts/generated/tributary/ingest/v1/position'
import {
  ProfileServiceClient,
  type GetProfileRequest,
  type GetProfileResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { findService, type ConnectionFlags, type GrpcTarget } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { ask } from '../grpcCall.ts'
import { withClickhouse, withJson } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { table } from '../output/table.ts'
import { traceStory, type Present, type Story } from '../trace/traceStory.ts'
import { withEventLog } from '../withEventLog.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly source?: string
  readonly address?: string
}

/** Profiles that are asked for: a message is filed under one anchor, or by mistake under a few. */
const MAX_ASKED = 10
/** How long the profile-store may take to read as far as the event, ms. */
const MAX_WAIT_MS = 500

export function traceCommand(program: Command, context: Context, done: (code: ExitCode) => void): void {
  const command = program
    .command('trace')
    .description('the way of one message, from its receipt to what was sent because of it')
    .argument('<message-id>', 'as the client sent it, or as the answer named it')
    .option('--source <id>', 'only of this source')
    .option('--address <host:port>', 'address of the profile-store (or PROFILE_STORE_GRPC)')
    .action(async (messageId: string, flags: Flags) => done(await trace(context, messageId, flags)))
  withClickhouse(withJson(command))
}

async function trace(context: Context, messageId: string, flags: Flags): Promise<ExitCode> {
  const found = await withEventLog(context, flags, (clickhouse) =>
    readMessageTrace(clickhouse, messageId, { source: flags.source }),
  )
  const present = await askPresent(context, found, flags.address)
  const story = traceStory(found, present, context.now())
  context.out(
    flags.json
      ? JSON.stringify({ messageId, ...story, present: presentJson(present) }, null, 2)
      : storyText(messageId, story, context.colour),
  )
  return story.rows.length === 0 ? 2 : 0
}

function presentJson(present: ReadonlyMap<string, Present> | string) {
  return typeof present === 'string' ? { unknown: present } : Object.fromEntries(present)
}

function storyText(messageId: string, { rows, notes }: Story, colour: boolean): string {
  const paint = createPaint(colour)
  let before = ''
  const lines = rows.map(({ step, time, place, what }) => {
    const shown = step === before && time === undefined ? '' : step
    before = step
    return [shown === '' ? '' : paint.bold(shown), time ?? '', place ?? '', what]
  })
  return [
    ...(rows.length === 0 ? [] : [`message ${messageId}`, '', table(lines), '']),
    ...notes.map((note) => paint.yellow(note)),
  ].join('\n')
}

/** By anchor; a sentence when nobody can be asked. */
async function askPresent(
  context: Context,
  { events }: MessageTrace,
  address: string | undefined,
): Promise<ReadonlyMap<string, Present> | string> {
  const present = new Map<string, Present>()
  const target = findService(context, 'profile-store', address)
  if (!target) return 'no profile-store is named; give --address, or set PROFILE_STORE_GRPC'
  // The last one of each anchor: whoever has read it has read the others.
  const last = new Map(
    events.filter(({ identifiers }) => identifiers.length > 0).map((event) => [event.anchor, event]),
  )
  for (const [anchor, event] of [...last].slice(0, MAX_ASKED)) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- a few, one after the other
      present.set(anchor, await askProfile(target, event))
    } catch (error) {
      if (!(error instanceof CommandError) || address !== undefined) throw error
      return error.message
    }
  }
  return present
}

async function askProfile(target: GrpcTarget, event: TracedEvent): Promise<Present> {
  const { type, value } = event.identifiers[0]!
  const token = PositionToken.encode({
    epoch: event.epoch,
    positions: [{ partition: event.partition, offset: event.offset }],
  }).finish()
  const request: GetProfileRequest = {
    ref: { ref: { $case: 'identifier', value: { type, value } } },
    fieldMask: undefined,
    freshness: {
      minPosition: Buffer.from(token).toString('base64url'),
      withIdentity: false,
      maxWaitMs: MAX_WAIT_MS,
    },
  }
  const { profile, behind } = await ask<ProfileServiceClient, GetProfileRequest, GetProfileResponse>(
    target,
    'profile-store',
    ProfileServiceClient,
    (client) => client.getProfile.bind(client),
    request,
  )
  if (!profile) return { unknown: `nobody is known as ${type}:${value} yet` }
  const record = JSON.parse(profile.json) as ProfileRecord
  return {
    profileId: profile.profileId,
    version: profile.version,
    events: profile.events,
    identifiers: record.identifiers.length,
    audiences: Object.keys(record.audiences),
    behind: behind.map(({ task, partition }) => `${task} ${partition}`),
  }
}
