import { type Command, InvalidArgumentError } from 'commander'
import type { Context, ExitCode } from '../context.ts'
import { withJson } from '../options.ts'
import { table } from '../output/table.ts'
import { FIGURES } from '../sizing/figures.ts'
import { type InstallationSize, sizeInstallation } from '../sizing/sizeInstallation.ts'

interface Flags {
  readonly json?: true
  readonly events: number
  readonly average?: number
  readonly people: number
  readonly retention: number
  readonly kafkaCopies: number
  readonly clickhouseCopies: number
}

export function sizingCommand(program: Command, context: Context, done: (code: ExitCode) => void): void {
  const command = program
    .command('sizing')
    .description('how many partitions, pods and disks a load needs, with the figures that say so')
    .requiredOption('--events <number>', 'events a second at the busiest time', positive)
    .requiredOption('--people <number>', 'people known in the end, visitors included', positive)
    .option('--average <number>', 'events a second on average; a third of --events when left out', positive)
    .option('--retention <days>', 'how long the event log keeps events', positive, 730)
    .option('--kafka-copies <number>', 'copies of each partition', positive, 3)
    .option('--clickhouse-copies <number>', 'copies of each table', positive, 2)
    .action((flags: Flags) => done(sizing(context, flags)))
  withJson(command)
}

function sizing(context: Context, flags: Flags): ExitCode {
  const size = sizeInstallation({
    eventsPerSecond: flags.events,
    people: flags.people,
    retentionDays: flags.retention,
    ...(flags.average !== undefined && { averagePerSecond: flags.average }),
    kafkaCopies: flags.kafkaCopies,
    clickhouseCopies: flags.clickhouseCopies,
  })
  context.out(flags.json ? JSON.stringify({ ...size, figures: FIGURES }, null, 2) : sizingText(size))
  return 0
}

function sizingText({ partitions, services, kafka, clickhouse }: InstallationSize): string {
  const pods = services.map(({ service, pods: count, cores, memoryMiB, diskGiB }) => [
    service,
    `${count} pods`,
    `${cores} cores each`,
    `${memoryMiB} MiB each`,
    diskGiB === 0 ? '–' : `${diskGiB} GiB each`,
  ])
  const shared = [
    ['Kafka', 'in all', `${kafka.cores} cores`, '', `${kafka.diskGiB} GiB`],
    ['ClickHouse', 'in all', `${clickhouse.cores} cores`, '', `${clickhouse.diskGiB} GiB`],
  ]
  const figures = Object.values(FIGURES).map(({ value, unit, about, source }) => [
    `${value} ${unit}`,
    about,
    source,
  ])
  return [
    `partitions by identifier, by profile and of deliveries: ${partitions} each`,
    table([['', 'HOW MANY', 'PROCESSORS', 'MEMORY', 'DISK'], ...pods, ...shared]),
    table([['FIGURE', 'WHAT', 'SOURCE'], ...figures]),
  ].join('\n\n')
}

function positive(text: string): number {
  const number = Number(text.replaceAll(/[_,]/g, ''))
  if (!(number > 0) || !Number.isFinite(number)) throw new InvalidArgumentError('it is a number above 0')
  return number
}
