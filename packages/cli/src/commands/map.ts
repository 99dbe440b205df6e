import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type Command, Option } from 'commander'
import {
  buildWorkspace,
  didYouMean,
  nextRevision,
  toRevisionDocument,
  type WorkspaceConfiguration,
} from '@tributary/configuration'
import { createIdentifierHasher, phoneToE164 } from '@tributary/service-kit'
import { digest, sourceReading, workspaceRules } from '@tributary/sources'
import { workspaceInForce } from '../configurationAccess.ts'
import { readingSettings, type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { judgeSample, sampleFormats, type LineVerdict, type SampleFormat } from '../map/judgeSample.ts'
import { verdictJson, verdictText } from '../map/sampleText.ts'
import { timeFlag, withJson, withKafka, withSubstitutions } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { counted } from '../output/table.ts'
import { problemsOf, readDocuments, refuseProblems } from '../readDocuments.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly set?: ReadonlyMap<string, string>
  readonly source: string
  readonly sample: string
  readonly format?: SampleFormat
  readonly received?: number
  readonly upload?: string
  readonly bad?: true
}

export function mapCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('map')
    .description('what the collector would make of each line of a file; sends nothing')
    .argument('[dir]', 'folder, or one file, with YAML documents; the revision in force when not given')
    .requiredOption('--source <id>', 'the source it would come from')
    .requiredOption('--sample <file>', 'the file, also gzipped: a JSON value per line, or CSV')
    .addOption(
      new Option('--format <format>', 'what its lines are; told by its name when not given').choices(
        sampleFormats,
      ),
    )
    .option('--received <time>', 'stands in for the time of receipt; now when not given', timeFlag)
    .option('--upload <name>', 'name of the upload, from which message ids are made')
    .option('--bad', 'leave out the lines that are accepted')
    .action(async (dir: string | undefined, flags: Flags) => done(await map(context, dir, flags, open)))
  withKafka(withSubstitutions(withJson(command)))
}

async function map(
  context: Context,
  dir: string | undefined,
  flags: Flags,
  open: OpenDoor,
): Promise<ExitCode> {
  const workspace =
    dir === undefined
      ? await withDoor(context, flags, open, (door) => workspaceInForce(door, 'name a folder of documents'))
      : workspaceOf(context, dir, flags.set)
  const document = workspace.sources.get(flags.source)
  if (!document)
    throw new CommandError(
      `there is no source "${flags.source}"${didYouMean(flags.source, [...workspace.sources.keys()])}`,
    )
  const rules = workspaceRules(workspace, {
    // Ids are shown to nobody, and nothing is decided by them.
    hashIdentifier: createIdentifierHasher('no identifier is told by this key'),
    phone: phoneToE164,
  })
  const reading = sourceReading(document, rules, { digest, epoch: 1, ...readingSettings(context) })
  const counts = { accepted: 0, rejected: 0, skipped: 0, refused: 0 }
  const paint = createPaint(context.colour)
  const verdicts = judgeSample(fileChunks(context, flags.sample), {
    document,
    reading,
    format: flags.format ?? formatOf(flags.sample),
    receivedMs: flags.received ?? context.now(),
    upload: flags.upload,
  })
  for await (const each of verdicts) {
    counts[each.verdict]++
    if (flags.bad && each.verdict === 'accepted') continue
    context.out(flags.json ? verdictJson(each) : verdictText(each, flags.sample, paint))
  }
  const lines = Object.values(counts).reduce((sum, n) => sum + n, 0)
  if (flags.json) context.out(JSON.stringify({ done: true, lines, ...counts }))
  else context.out(summary(lines, counts))
  return counts.rejected + counts.refused > 0 ? 2 : 0
}

function summary(lines: number, counts: Record<LineVerdict['verdict'], number>): string {
  const parts = Object.entries(counts).flatMap(([verdict, n]) => (n === 0 ? [] : [`${n} ${verdict}`]))
  return lines === 0 ? 'no line in it' : `${counted(lines, 'line')}: ${parts.join(', ')}`
}

/** The workspace that the files alone make, checked as `validate` does. */
function workspaceOf(
  context: Context,
  dir: string,
  substitutions: ReadonlyMap<string, string> = new Map<string, string>(),
): WorkspaceConfiguration {
  const read = readDocuments(context, dir, substitutions)
  refuseProblems(problemsOf(read, [], dir))
  const documents = read.parsed.documents.map(({ document }) => toRevisionDocument(document, 'files'))
  const note = { author: context.user, message: '', createdAtMs: context.now() }
  return buildWorkspace(nextRevision(undefined, documents, note))
}

function formatOf(file: string): SampleFormat {
  return /\.csv(\.gz)?$/i.test(file) ? 'csv' : 'ndjson'
}

/** Also of a pipe (/dev/stdin). Told by its first bytes, a gzipped file is unpacked. */
async function* fileChunks(context: Context, name: string): AsyncGenerator<Buffer> {
  const file = createReadStream(resolve(context.cwd, name))
  try {
    const chunks = file[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    const first = await chunks.next()
    if (first.done) return
    const rest = (async function* () {
      yield first.value
      yield* { [Symbol.asyncIterator]: () => chunks }
    })()
    if (first.value[0] === 0x1f && first.value[1] === 0x8b)
      // What goes wrong is thrown where the unpacked bytes are read.
      yield* pipeline(rest, createGunzip(), () => undefined) as AsyncIterable<Buffer>
    else yield* rest
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new CommandError(`${name} cannot be read: ${message}`)
  } finally {
    file.destroy()
  }
}
