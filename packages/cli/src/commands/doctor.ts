import type { Command } from 'commander'
import type { Document } from '@tributary/configuration'
import { clickhouseTarget, findFiles, kafkaTarget, type ConnectionFlags } from '../connections.ts'
import type { Context, ExitCode } from '../context.ts'
import { examineClickhouse } from '../doctor/examineClickhouse.ts'
import { examineFiles } from '../doctor/examineFiles.ts'
import { examineHost } from '../doctor/examineHost.ts'
import { examineKafka } from '../doctor/examineKafka.ts'
import { examineServices } from '../doctor/examineServices.ts'
import { examine, type Check } from '../doctor/finding.ts'
import { withClickhouse, withJson, withKafka } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { counted, table } from '../output/table.ts'
import type { OpenDoor } from '../withDoor.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
}

export function doctorCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('doctor')
    .description('look at the whole installation and say what is wrong, and what to do')
    .action(async (flags: Flags) => done(await doctor(context, flags, open)))
  withClickhouse(withKafka(withJson(command)))
}

async function doctor(context: Context, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  let documents: readonly Document[] = []
  const checks: Check[] = [
    ...(await examine(
      'Kafka',
      async () => {
        const target = kafkaTarget(context, flags)
        const door = await open(target)
        try {
          const found = await examineKafka(door, target.replicationFactor)
          documents = found.documents
          return found.checks
        } finally {
          await door.close()
        }
      },
      'check that Kafka runs, the addresses, TLS and the user',
    )),
    ...(await examine(
      'ClickHouse',
      () => examineClickhouse(clickhouseTarget(context, flags), context.now),
      'check that ClickHouse runs, the address and the user',
    )),
    ...(await examineServices(context)),
    ...examineFiles(findFiles(context), documents),
    ...examineHost(context.env, context.now()),
  ]
  context.out(flags.json ? JSON.stringify(checks, null, 2) : doctorText(checks, context.colour))
  return checks.some((check) => check.state === 'wrong') ? 2 : 0
}

function doctorText(checks: readonly Check[], colour: boolean): string {
  const paint = createPaint(colour)
  const marks = { fine: paint.green('ok'), wrong: paint.red('wrong'), unknown: paint.yellow('?') }
  const rows = checks.map(({ state, area, message, remedy }) => [
    marks[state],
    area,
    remedy === undefined ? message : `${message}: ${remedy}`,
  ])
  const count = checks.filter((check) => check.state === 'wrong').length
  const summary =
    count === 0 ? paint.green('nothing is wrong') : paint.red(`${counted(count, 'thing')} to mend`)
  return `${table(rows)}\n\n${summary}`
}
