import type { Command } from 'commander'
import { audit, formatReport, type AuditReport, type ProfileTotals } from '@tributary/clickhouse-log'
import {
  ProfileServiceClient,
  type GetTotalsRequest,
  type GetTotalsResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { createKafka } from '@tributary/kafka'
import { auditProfiles, profilesText } from '../audit/auditProfiles.ts'
import { documentsInForce } from '../configurationAccess.ts'
import { findService, kafkaTarget, type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { ask } from '../grpcCall.ts'
import { wholeNumber, withClickhouse, withJson, withKafka } from '../options.ts'
import { saying } from '../saying.ts'
import type { OpenDoor } from '../withDoor.ts'
import { withEventLog } from '../withEventLog.ts'
import { compareAudiences, differs, membershipsText } from './audiencePreview.ts'

/** Profiles named of each audience that differs. */
const SAMPLES = 5
/** Profiles folded anew when nothing is said: some seconds, and over the nights all of them. */
const PROFILES = 1_000

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly logOnly?: true
  readonly address?: string
  readonly hours?: number
  readonly profiles?: number | 'all' | true
}

export function auditCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('audit')
    .description('whether the ledger balances: every input in the event log once, and folded or skipped')
    .option('--hours <number>', 'also by hour, for so many hours back', wholeNumber)
    .option(
      '--profiles [number]',
      `also fold about so many profiles anew from the log and compare; "all" for every one (${PROFILES} when not given)`,
      numberOrAll,
    )
    .option('--log-only', 'ask neither Kafka nor the profile-store')
    .option('--address <host:port>', 'address of the profile-store (or PROFILE_STORE_GRPC)')
    .action(async (flags: Flags) => done(await runAudit(context, flags, open)))
  withClickhouse(withKafka(withJson(command)))
}

async function runAudit(context: Context, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  if (flags.logOnly && flags.profiles !== undefined)
    throw new CommandError(
      '--profiles asks Kafka and the profile-store, which --log-only does not: give one of them',
    )
  const kafka = flags.logOnly ? undefined : kafkaTarget(context, flags)
  const totals = flags.logOnly ? undefined : await askTotals(context, flags.address)
  return withEventLog(context, flags, async (clickhouse) => {
    const report = await saying(kafka?.connection.brokers.join(', ') ?? '', () =>
      audit({
        clickhouse,
        prefix: kafka?.topicPrefix ?? '',
        ...(kafka && { epoch: kafka.epoch }),
        ...(kafka && { kafka: createKafka(kafka.connection), groupPrefix: kafka.groupPrefix }),
        ...(totals && { totals }),
        ...(flags.hours !== undefined && { hoursSinceMs: context.now() - flags.hours * 3_600_000 }),
      }),
    )
    const memberships = kafka
      ? await compareAudiences(clickhouse, context, await documentsInForce(context, flags, open), SAMPLES)
      : []
    const profiles =
      flags.profiles === undefined
        ? undefined
        : await auditProfiles(context, clickhouse, flags, open, limitOf(flags.profiles))
    if (flags.json)
      context.out(
        JSON.stringify({ ...reportJson(report), memberships, ...(profiles && { profiles }) }, null, 2),
      )
    else {
      if (profiles) context.out(`${profilesText(profiles)}\n`)
      if (memberships.length > 0) context.out(`${membershipsText(memberships)}\n`)
      context.out(formatReport(report))
    }
    const isFound = memberships.some(differs) || (profiles?.differing.length ?? 0) > 0
    return report.balanced && !isFound ? 0 : 2
  })
}

const limitOf = (given: NonNullable<Flags['profiles']>): number | undefined => {
  if (given === 'all') return undefined
  return given === true ? PROFILES : given
}

function numberOrAll(text: string): number | 'all' {
  return text === 'all' ? 'all' : wholeNumber(text)
}

/** Undefined, with a line that says why, when the profiles cannot be asked: the log alone is then judged. */
async function askTotals(context: Context, address: string | undefined): Promise<ProfileTotals | undefined> {
  const target = findService(context, 'profile-store', address)
  if (!target) return undefined
  try {
    const answer = await ask<ProfileServiceClient, GetTotalsRequest, GetTotalsResponse>(
      target,
      'profile-store',
      ProfileServiceClient,
      (client) => client.getTotals.bind(client),
      {},
    )
    const totals = totalsOf(answer)
    if (!totals)
      context.err(
        `the profiles are not compared: this instance has ${answer.partitions.length} of ${answer.partitionCount} partitions`,
      )
    return totals
  } catch (error) {
    if (!(error instanceof CommandError) || address !== undefined) throw error
    context.err(`the profiles are not compared: ${error.message}`)
    return undefined
  }
}

/** Undefined when other instances own some of the partitions: half of a sum compares with nothing. */
export function totalsOf({ partitions, partitionCount }: GetTotalsResponse): ProfileTotals | undefined {
  if (partitions.length !== partitionCount) return undefined
  return {
    profiles: partitions.reduce((sum, each) => sum + each.profiles, 0),
    events: partitions.reduce((sum, each) => sum + each.events, 0),
    erased: partitions.reduce((sum, each) => sum + each.erasedEvents, 0),
    changes: new Map(partitions.map((each) => [each.partition, each.changes])),
  }
}

function reportJson(report: AuditReport) {
  const { totals, ...rest } = report
  return {
    ...rest,
    ...(totals && { totals: { ...totals, changes: Object.fromEntries(totals.changes ?? []) } }),
  }
}
