import type { Command } from 'commander'
import type { ProfileRecord } from '@tributary/contracts'
import {
  ProfileServiceClient,
  type GetProfileRequest,
  type GetProfileResponse,
  type ProfileRef,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { questionsTo } from '../grpcCall.ts'
import { withJson } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { table } from '../output/table.ts'
import { parseReference } from '../reference.ts'

interface Flags {
  readonly json?: true
  readonly address?: string
}

export function profileCommand(program: Command, context: Context, done: (code: ExitCode) => void): void {
  const profile = program.command('profile').description('what is known of a person')
  const command = profile
    .command('get')
    .description('one profile, by any identifier or profile id, also an old one')
    .argument('<who>', 'TYPE:VALUE, for example user_id:u1, or a profile id')
    .option('--address <host:port>', 'address of the profile-store (or PROFILE_STORE_GRPC)')
    .action(async (who: string, flags: Flags) => done(await getProfile(context, who, flags)))
  withJson(command)
}

/** Who a question to the profile-store is about. */
export function profileRefOf(who: string): ProfileRef {
  const reference = parseReference(who)
  if (reference.kind === 'identifier-id')
    throw new CommandError(`"${who}" is an identifier id: write the profile id, ${who}-0`)
  return {
    ref:
      reference.kind === 'profile'
        ? { $case: 'profileId', value: reference.profileId }
        : { $case: 'identifier', value: { type: reference.type, value: reference.value } },
  }
}

const question = questionsTo('profile-store', ProfileServiceClient)

async function getProfile(context: Context, who: string, flags: Flags): Promise<ExitCode> {
  const { profile } = await question<GetProfileRequest, GetProfileResponse>(
    context,
    flags,
    (client) => client.getProfile.bind(client),
    { ref: profileRefOf(who) },
  )
  if (!profile) throw new CommandError(`nothing is known of ${who}`)
  const record = JSON.parse(profile.json) as ProfileRecord
  context.out(flags.json ? JSON.stringify(record, null, 2) : profileText(record, context.colour))
  return 0
}

/** A profile for people: what they look for first comes first. */
function profileText(profile: ProfileRecord, colour: boolean): string {
  const paint = createPaint(colour)
  const section = (title: string, rows: string[][]) =>
    rows.length === 0 ? [] : ['', paint.bold(title), table(rows, { indent: 2 })]
  const values = (record: { readonly [key: string]: unknown }) =>
    Object.entries(record).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ])
  return [
    table([
      ['profile', profile.profileId],
      ['version', profile.version],
      ['seen', `${profile.firstSeen} to ${profile.lastSeen}`],
      ['events', String(profile.events)],
      ...(profile.truncated ? [['truncated', 'something was cut to keep it within its caps']] : []),
    ]),
    ...section(
      'identifiers',
      profile.identifiers.map(({ type, value }) => [type, value]),
    ),
    ...section('traits', values(profile.traits)),
    ...section('computed', values(profile.computed)),
    ...section(
      'audiences',
      Object.entries(profile.audiences).map(([id, { since }]) => [id, `since ${since}`]),
    ),
    ...section('consent', values(profile.consent)),
  ].join('\n')
}
