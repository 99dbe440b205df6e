import { Option, type Command } from 'commander'
import { allTopics, partitionsOf, topicName } from '@tributary/contracts'
import { topicSettings, type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { withJson, withKafka } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { counted } from '../output/table.ts'
import { topicFormats, topicsAs, type TopicFormat } from '../output/topicFormats.ts'
import { topicSettings as brokerSettings, type TopicProblem } from '@tributary/kafka'
import { withDoor, type OpenDoor } from '../withDoor.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly format?: TopicFormat
}

export function topicsCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('topics')
    .description(
      'print, create or check the topics (partition counts: IDENTIFIER_, PROFILE_, DELIVERY_PARTITIONS)',
    )
    .argument('[action]', 'create: those that are missing; check: that all are there with the right settings')
    .addOption(new Option('--format <format>', 'how to print them').choices([...topicFormats]))
    .action(async (action: string | undefined, flags: Flags) =>
      done(await topics(context, action, flags, open)),
    )
  withKafka(withJson(command))
}

async function topics(
  context: Context,
  action: string | undefined,
  flags: Flags,
  open: OpenDoor,
): Promise<ExitCode> {
  switch (action) {
    case undefined:
      return print(context, flags)
    case 'create':
      return create(context, flags, open)
    case 'check':
      return check(context, flags, open)
    default:
      throw new CommandError(`topics can create or check, not "${action}"; without an action it prints them`)
  }
}

function print(context: Context, flags: Flags): ExitCode {
  const settings = topicSettings(context, flags)
  const asJson = () =>
    allTopics.map((spec) => ({
      topic: topicName({ prefix: settings.topicPrefix, epoch: settings.epoch }, spec),
      visibility: spec.visibility,
      key: spec.key,
      partitionBy: spec.partitionBy,
      value: spec.value,
      partitions: partitionsOf(spec, settings.counts),
      replicas: settings.replicationFactor,
      config: brokerSettings(spec, settings.minIsr),
    }))
  context.out(flags.json ? JSON.stringify(asJson(), null, 2) : topicsAs(flags.format ?? 'table', settings))
  return 0
}

function create(context: Context, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  return withDoor(context, flags, open, async (door) => {
    const created = await door.createTopics()
    const findings = await door.checkTopics()
    if (flags.json) context.out(JSON.stringify({ created, findings }, null, 2))
    else {
      for (const topic of created) context.out(`created ${topic}`)
      const there = allTopics.length - created.length
      context.out(`${counted(created.length, 'topic')} created, ${there} were there`)
    }
    return report(context, flags, findings)
  })
}

function check(context: Context, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  return withDoor(context, flags, open, async (door) => {
    const findings = await door.checkTopics()
    if (flags.json) context.out(JSON.stringify({ findings }, null, 2))
    else if (findings.length === 0)
      context.out(
        createPaint(context.colour).green(
          `all ${allTopics.length} topics are there, with the right settings`,
        ),
      )
    return report(context, flags, findings)
  })
}

function report(context: Context, flags: Flags, findings: readonly TopicProblem[]): ExitCode {
  if (!flags.json) for (const { message } of findings) context.out(message)
  return findings.length === 0 ? 0 : 2
}
