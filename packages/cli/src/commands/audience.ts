import { Option, type Command } from 'commander'
import {
  AudienceServiceClient,
  type ExplainMembershipRequest,
  type ExplainMembershipResponse,
  type ListAudiencesRequest,
  type ListAudiencesResponse,
  type ListMembersRequest,
  type ListMembersResponse,
  type Member,
} from '@tributary/contracts/generated/tributary/audience/v1/audience_service'
import { type AudienceDocument, type SyncDocument, didYouMean } from '@tributary/configuration'
import { type Condition, describeCondition } from '@tributary/domain'
import { documentsInForce } from '../configurationAccess.ts'
import { type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { questionsTo } from '../grpcCall.ts'
import { wholeNumber, withJson, withKafka } from '../options.ts'
import { explanationText } from '../output/explanationText.ts'
import { createPaint } from '../output/paint.ts'
import { counted, shortened, table } from '../output/table.ts'
import { timeText } from '../output/time.ts'
import type { OpenDoor } from '../withDoor.ts'
import { audiencePreviewCommands } from './audiencePreview.ts'
import { profileRefOf } from './profile.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly address?: string
}

/** Members of one question; the service gives no larger page. */
const PAGE = 1_000

export function audienceCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const audience = program.command('audience').description('who is in which audience, and why')
  const command = (name: string, description: string) =>
    withJson(audience.command(name).description(description)).addOption(
      new Option('--address <host:port>', 'address of the profile-store (or PROFILE_STORE_GRPC)'),
    )
  withKafka(
    command('list', 'every audience with its size').action(async (flags: Flags) =>
      done(await list(context, flags, open)),
    ),
  )
  withKafka(
    command('show', 'one audience in words, with its size and who reads it')
      .argument('<id>', 'id of the audience')
      .action(async (id: string, flags: Flags) => done(await show(context, id, flags, open))),
  )
  command('size', 'how many profiles are in an audience')
    .argument('<id>', 'id of the audience')
    .action(async (id: string, flags: Flags) => {
      const { members, switching } = await sizeOf(context, id, flags)
      context.out(flags.json ? JSON.stringify({ audience: id, members, switching }) : String(members))
      done(0)
    })
  command('members', 'the profiles in an audience, one a line')
    .argument('<id>', 'id of the audience')
    .option('--limit <number>', 'at most so many', wholeNumber, 100)
    .option('--all', 'however many there are')
    .action(async (id: string, flags: Flags & { readonly limit: number; readonly all?: true }) =>
      done(await listMembers(context, id, flags)),
    )
  command('explain', 'why a person is in an audience, or is not: each condition with what it saw')
    .argument('<id>', 'id of the audience')
    .argument('<who>', 'TYPE:VALUE, for example user_id:u1, or a profile id')
    .action(async (id: string, who: string, flags: Flags) => {
      const answer = await question<ExplainMembershipRequest, ExplainMembershipResponse>(
        context,
        flags,
        (client) => client.explainMembership.bind(client),
        { audience: id, ref: profileRefOf(who) },
      )
      const paint = createPaint(context.colour)
      context.out(flags.json ? JSON.stringify(answer, null, 2) : explanationText(id, who, answer, paint))
      done(0)
    })
  audiencePreviewCommands(audience, context, done, open)
}

const question = questionsTo('profile-store', AudienceServiceClient)

async function sizes(context: Context, flags: Flags): Promise<ListAudiencesResponse['audiences']> {
  const { audiences } = await question<ListAudiencesRequest, ListAudiencesResponse>(
    context,
    flags,
    (client) => client.listAudiences.bind(client),
    {},
  )
  return audiences
}

async function sizeOf(context: Context, id: string, flags: Flags) {
  const all = await sizes(context, flags)
  const found = all.find((each) => each.id === id)
  if (!found) throw noAudience(id, all)
  return found
}

function noAudience(id: string, all: readonly { readonly id: string }[]): CommandError {
  const names = all.map((each) => each.id)
  return new CommandError(`no audience "${id}" is judged${didYouMean(id, names)}`)
}

interface Documents {
  readonly audiences: ReadonlyMap<string, AudienceDocument>
  readonly syncs: readonly SyncDocument[]
}

async function documentsOf(context: Context, flags: Flags, open: OpenDoor): Promise<Documents> {
  const documents = await documentsInForce(context, flags, open)
  return {
    audiences: new Map(documents.flatMap((each) => (each.kind === 'Audience' ? [[each.id, each]] : []))),
    syncs: documents.filter((each) => each.kind === 'Sync'),
  }
}

async function list(context: Context, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  const [{ audiences }, counts] = await Promise.all([
    documentsOf(context, flags, open),
    sizes(context, flags),
  ])
  const rows = counts.map(({ id, members: size, switching }) => ({
    id,
    members: size,
    switching,
    name: nameOf(audiences.get(id)),
    sentence: sentenceOf(audiences.get(id)),
  }))
  if (flags.json) context.out(JSON.stringify(rows, null, 2))
  else if (rows.length === 0) context.out('no audience is judged: apply one with `tributary apply DIR`')
  else
    context.out(
      table([
        ['AUDIENCE', 'MEMBERS', 'HOLDS FOR'],
        ...rows.map((row) => [
          row.id,
          `${row.members}${row.switching ? ' (switching)' : ''}`,
          shortened(row.sentence, 100),
        ]),
      ]),
    )
  return 0
}

async function show(context: Context, id: string, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  const [{ audiences, syncs }, size] = await Promise.all([
    documentsOf(context, flags, open),
    sizeOf(context, id, flags),
  ])
  const document = audiences.get(id)
  const readers = [...audiences.values()].filter((each) => reads(each.where, id)).map((each) => each.id)
  const sentTo = syncs.filter(({ from }) => 'audience' in from && from.audience === id)
  const shown = {
    id,
    name: nameOf(document),
    description: document?.description ?? '',
    members: size.members,
    switching: size.switching,
    disabled: document?.disabled ?? false,
    hash: size.hash,
    sentence: sentenceOf(document),
    audiences: readers,
    syncs: sentTo.map((each) => ({ id: each.id, to: each.to })),
  }
  const rows = [
    ['audience', id],
    ['name', shown.name],
    ['about', shown.description],
    ['members', `${size.members}${size.switching ? ', while some partitions judge another form' : ''}`],
    ['disabled', shown.disabled ? 'yes: nobody enters or leaves' : ''],
    ['holds for', shown.sentence],
    ['read by', readers.map((each) => `audience ${each}`).join(', ')],
    ['sent to', sentTo.map((each) => `${each.to} by ${each.id}`).join(', ')],
    ['hash', size.hash],
  ]
  context.out(flags.json ? JSON.stringify(shown, null, 2) : table(rows.filter(([, value]) => value !== '')))
  return 0
}

function reads(where: Condition, id: string): boolean {
  if ('all' in where) return where.all.some((each) => reads(each, id))
  if ('any' in where) return where.any.some((each) => reads(each, id))
  if ('not' in where) return reads(where.not, id)
  return 'audience' in where && where.audience === id
}

function sentenceOf(document: AudienceDocument | undefined): string {
  return document ? describeCondition(document.where) : '(not in the revision in force)'
}

/** English where there is one, else the first. */
function nameOf(document: AudienceDocument | undefined): string {
  const name = document?.name
  if (name === undefined || typeof name === 'string') return name ?? ''
  return name['en'] ?? Object.values(name)[0] ?? ''
}

/** Pages are printed as they come: an audience may not fit in memory. */
async function listMembers(
  context: Context,
  id: string,
  flags: Flags & { readonly limit: number; readonly all?: true },
): Promise<ExitCode> {
  const most = flags.all ? Infinity : flags.limit
  let shown = 0
  let pageToken = ''
  do {
    // oxlint-disable-next-line no-await-in-loop -- a page says where the next begins
    const page = await question<ListMembersRequest, ListMembersResponse>(
      context,
      flags,
      (client) => client.listMembers.bind(client),
      { audience: id, pageSize: Math.min(PAGE, most - shown), pageToken },
    )
    if (page.members.length > 0)
      context.out(page.members.map((each) => memberText(each, flags.json)).join('\n'))
    shown += page.members.length
    pageToken = page.nextPageToken
  } while (pageToken !== '' && shown < most)
  if (pageToken !== '' && !flags.json)
    context.err(`${counted(shown, 'member')} shown, and there are more: --limit N or --all`)
  return 0
}

function memberText({ profileId, since }: Member, json: true | undefined): string {
  return json
    ? JSON.stringify({ profileId, since: since?.toISOString() })
    : `${profileId}  since ${timeText(since?.getTime())}`
}
