import type { Command } from 'commander'
import {
  type MemberComparison,
  type MemberDifference,
  compareMembers,
  isCountedInLog,
  type ComputedInLog,
  membersSql,
  type ClickHouse,
} from '@tributary/clickhouse-log'
import {
  type AudienceDocument,
  type Document,
  type TraitDocument,
  didYouMean,
  traitAggregate,
} from '@tributary/configuration'
import { type CompiledAudience, compileAudience, describeCondition, readsAsZero } from '@tributary/domain'
import { documentsInForce } from '../configurationAccess.ts'
import { type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { wholeNumber, withClickhouse, withJson, withKafka, withSubstitutions } from '../options.ts'
import { counted, table } from '../output/table.ts'
import { timeText } from '../output/time.ts'
import { readDocuments, refuseProblems, problemsOf } from '../readDocuments.ts'
import type { OpenDoor } from '../withDoor.ts'
import { withEventLog } from '../withEventLog.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly samples: number
  readonly set?: ReadonlyMap<string, string>
}

export function audiencePreviewCommands(
  audience: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const preview = audience
    .command('preview')
    .description('who would be in an audience as a folder describes it, from the event log; changes nothing')
    .argument('<id>', 'id of the audience')
    .argument('<dir>', 'folder, or one file, with YAML documents')
    .option('--samples <number>', 'at most so many profiles of each kind', wholeNumber, 20)
    .action(async (id: string, dir: string, flags: Flags) => {
      const { documents } = readFolder(context, dir, flags)
      const found = await withEventLog(context, flags, (log) =>
        compareMemberships(log, context, documents, {
          ids: [id],
          samples: flags.samples,
          asWritten: () => true,
        }),
      )
      context.out(flags.json ? JSON.stringify(found[0], null, 2) : previewText(found[0]!, dir))
      done(0)
    })
  withClickhouse(withSubstitutions(withJson(preview)))
  const check = audience
    .command('check')
    .description('whether the members of every audience are those that the event log alone gives')
    .option('--samples <number>', 'at most so many profiles of each difference', wholeNumber, 5)
    .action(async (flags: Flags) => done(await checkAll(context, flags, open)))
  withClickhouse(withKafka(withJson(check)))
}

/** Audiences that share one look at the log: a query of some 100 kB at most, with a column for each thing they count. */
const ASKED_AT_ONCE = 50

export interface Compared extends MemberComparison {
  readonly audience: string
  readonly sentence: string
  /** The moment windows look back from. */
  readonly asOf: string
}

function readFolder(context: Context, dir: string, flags: Flags): { documents: Document[] } {
  const read = readDocuments(context, dir, flags.set ?? new Map<string, string>())
  refuseProblems(problemsOf(read, [], dir))
  return { documents: read.parsed.documents.map((each) => each.document) }
}

export interface ComparisonAsked {
  /** Ids of audiences. */
  readonly ids: readonly string[]
  /** At most so many profiles of each kind. */
  readonly samples: number
  /** Whether a computed trait is to be counted as its document says, and not as it is shown. */
  readonly asWritten: (trait: string) => boolean
}

/** Audiences as documents describe them, by the log alone, beside who is a member. */
export async function compareMemberships(
  log: ClickHouse,
  context: Context,
  documents: readonly Document[],
  { ids, samples, asWritten }: ComparisonAsked,
): Promise<Compared[]> {
  const audiences = documents.filter((each): each is AudienceDocument => each.kind === 'Audience')
  const asked = ids.map((id) => {
    const document = audiences.find((each) => each.id === id)
    if (document) return document
    const names = audiences.map((each) => each.id)
    throw new CommandError(`there is no audience "${id}"${didYouMean(id, names)}`)
  })
  // The hash only names aggregates here; a condition names its own best.
  const compiled = new Map<string, CompiledAudience>(
    audiences.map((each) => [each.id, compileAudience(each.where, (text) => text)]),
  )
  const nowMs = context.now()
  const world = {
    audiences: compiled,
    frozen: new Set(audiences.flatMap((each) => (each.disabled ? [each.id] : []))),
    computed: computedTraits(documents, asWritten),
    nowMs,
  }
  const all: Compared[] = []
  for (let from = 0; from < asked.length; from += ASKED_AT_ONCE) {
    const some = asked.slice(from, from + ASKED_AT_ONCE)
    const members = membersSql(log, new Map(some.map(({ id }) => [id, compiled.get(id)!])), world)
    const found = await compareMembers(log, { audiences: some.map(({ id }) => id), members, samples })
    for (const { id, where } of some)
      all.push({
        audience: id,
        sentence: describeCondition(where),
        asOf: new Date(nowMs).toISOString(),
        ...found.get(id)!,
      })
  }
  return all
}

function computedTraits(
  documents: readonly Document[],
  asWritten: ComparisonAsked['asWritten'],
): Map<string, ComputedInLog> {
  return new Map(
    documents
      .filter((each): each is TraitDocument => each.kind === 'Trait')
      .flatMap((each) => {
        const aggregate = traitAggregate(each, '')
        if (!aggregate) return []
        const fromEvents = asWritten(each.id) && isCountedInLog(aggregate) && { counted: aggregate }
        return [[each.id, { fromZero: readsAsZero(aggregate.kind), ...fromEvents }] as const]
      }),
  )
}

function previewText(found: Compared, dir: string): string {
  const { audience, sentence, members, enter, leave, asOf } = found
  return [
    `${audience} as in ${dir}: ${counted(members, 'person', 'people')}, by the event log as of ${timeText(Date.parse(asOf))}`,
    `holds for: ${sentence}`,
    '',
    table([differenceRow('would enter', enter), differenceRow('would leave', leave)], { indent: 2 }),
  ].join('\n')
}

function differenceRow(what: string, { count, samples }: MemberDifference): string[] {
  const more = count > samples.length ? ' …' : ''
  return [what, String(count), `${samples.join(' ')}${samples.length > 0 ? more : ''}`]
}

async function checkAll(context: Context, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  const documents = await documentsInForce(context, flags, open)
  const found = await withEventLog(context, flags, (log) =>
    compareAudiences(log, context, documents, flags.samples),
  )
  if (flags.json) context.out(JSON.stringify(found, null, 2))
  else context.out(membershipsText(found))
  return found.some(differs) ? 2 : 0
}

/** Every audience in force, beside what the event log alone gives. */
export async function compareAudiences(
  log: ClickHouse,
  context: Context,
  documents: readonly Document[],
  samples: number,
): Promise<Compared[]> {
  const ids = documents.flatMap((each) => (each.kind === 'Audience' && !each.disabled ? [each.id] : []))
  return compareMemberships(log, context, documents, { ids, samples, asWritten: () => false })
}

export function differs({ enter, leave }: Compared): boolean {
  return enter.count + leave.count > 0
}

export function membershipsText(found: readonly Compared[]): string {
  if (found.length === 0) return 'no audience is in force'
  const rows = found.map((each) => [
    each.audience,
    String(each.members),
    String(each.enter.count),
    String(each.leave.count),
    [...each.enter.samples, ...each.leave.samples].join(' '),
  ])
  return [
    table([['AUDIENCE', 'BY THE LOG', 'NOT A MEMBER', 'NOT BY THE LOG', 'FOR EXAMPLE'], ...rows]),
    '',
    found.some(differs)
      ? 'what is on its way to the log, or to the profiles, differs for a moment: look again when nothing is'
      : 'every membership is what the event log gives',
  ].join('\n')
}
