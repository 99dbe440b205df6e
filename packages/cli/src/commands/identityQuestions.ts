import type { Command } from 'commander'
import { EvidenceClass, FactKind } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  type ConflictReport,
  type GetIdentityRequest,
  type GetIdentityResponse,
  IdentityServiceClient,
  type ListConflictsRequest,
  type ListConflictsResponse,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import type { Context, ExitCode } from '../context.ts'
import { questionsTo } from '../grpcCall.ts'
import { withJson, wholeNumber } from '../options.ts'
import { timeText } from '../output/time.ts'
import { memberText, refOf } from './identityReference.ts'

interface Flags {
  readonly json?: true
  readonly address?: string
}

export function identityQuestionCommands(
  identity: Command,
  context: Context,
  done: (code: ExitCode) => void,
): void {
  const show = identity
    .command('show')
    .description('who a profile is made of: members, evidence, facts and conflicts')
    .argument('<who>', 'TYPE:VALUE, a profile id or an identifier id')
    .option('--address <host:port>', 'address of the identity-stitcher (or IDENTITY_STITCHER_GRPC)')
    .action(async (who: string, flags: Flags) => done(await showIdentity(context, who, flags)))
  withJson(show)
  const conflicts = identity
    .command('conflicts')
    .description('evidence that would unite two profiles and is refused')
    .option('--limit <number>', 'at most so many', wholeNumber, 100)
    .option('--address <host:port>', 'address of the identity-stitcher (or IDENTITY_STITCHER_GRPC)')
    .action(async (flags: Flags & { readonly limit: number }) => done(await listConflicts(context, flags)))
  withJson(conflicts)
}

const question = questionsTo('identity-stitcher', IdentityServiceClient)

async function showIdentity(context: Context, who: string, flags: Flags): Promise<ExitCode> {
  const answer = await question<GetIdentityRequest, GetIdentityResponse>(
    context,
    flags,
    (client) => client.getIdentity.bind(client),
    { ref: refOf(who) },
  )
  context.out(flags.json ? JSON.stringify(answer, null, 2) : identityText(answer))
  return 0
}

/** Pages are put together until there are as many as were asked for. */
async function listConflicts(context: Context, flags: Flags & { readonly limit: number }): Promise<ExitCode> {
  const found: ConflictReport[] = []
  let more = ''
  do {
    // oxlint-disable-next-line no-await-in-loop -- a page says where the next begins
    const page = await question<ListConflictsRequest, ListConflictsResponse>(
      context,
      flags,
      (client) => client.listConflicts.bind(client),
      { pageSize: Math.min(1_000, flags.limit - found.length), pageToken: more },
    )
    found.push(...page.conflicts)
    more = page.nextPageToken
  } while (more !== '' && found.length < flags.limit)
  if (flags.json) context.out(JSON.stringify({ conflicts: found, more: more !== '' }, null, 2))
  else context.out([...conflictLines(found), ...(more === '' ? [] : ['… and more: --limit'])].join('\n'))
  return 0
}

function identityText(answer: GetIdentityResponse): string {
  const { identity } = answer
  const state = identity?.shared ? ', shared: joins nobody' : identity?.blocked ? ', blocked' : ''
  return [
    `profile  ${identity?.profileId ?? ''}${state}`,
    'members',
    ...(identity?.members ?? []).map((each) => `  ${each.type}  ${each.identifierId}`),
    'evidence',
    ...answer.evidence.map((each) => {
      const kind = wordOf(EvidenceClass, each.class, 'EVIDENCE_CLASS_')
      const where = `${each.sourceId} ${each.messageId}`
      const members = each.members.map((member) => memberText(member)).join(', ')
      return `  ${each.evidenceId}  ${timeText(each.firstTime?.getTime() ?? 0)}  ${kind}  ${where}  ${members}${each.retracted ? '  retracted' : ''}`
    }),
    ...(answer.facts.length === 0 ? [] : ['facts']),
    ...answer.facts.map((each) => {
      const kind = wordOf(FactKind, each.kind, 'FACT_KIND_')
      const about = each.retracts === '' ? each.members.map((m) => memberText(m)).join(', ') : each.retracts
      return `  ${each.factId}  ${timeText(each.time?.getTime() ?? 0)}  ${kind}  ${about}  by ${each.actor}: ${each.reason}${each.retracted ? '  retracted' : ''}`
    }),
    ...(answer.conflicts.length === 0 ? [] : ['conflicts']),
    ...conflictLines(answer.conflicts).map((line) => `  ${line}`),
    ...(answer.more ? ['… there is more than is shown'] : []),
  ].join('\n')
}

function conflictLines(conflicts: readonly ConflictReport[]): readonly string[] {
  if (conflicts.length === 0) return ['no conflicts']
  return conflicts.map(
    (each) => `${timeText(each.time?.getTime() ?? 0)}  ${each.profileA}  ${each.profileB}  ${each.detail}`,
  )
}

/** EVIDENCE_CLASS_CO_OCCURRENCE as "co-occurrence". */
function wordOf(words: Readonly<Record<string, number | string>>, value: number, prefix: string): string {
  const name = Object.keys(words).find((each) => words[each] === value) ?? ''
  return name.slice(prefix.length).toLowerCase().replaceAll('_', '-')
}
