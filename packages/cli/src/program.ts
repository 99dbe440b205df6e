import { Command } from 'commander'
import { audienceCommand } from './commands/audience.ts'
import { auditCommand } from './commands/audit.ts'
import { applyCommand, rollbackCommand } from './commands/apply.ts'
import { deliveryCommand } from './commands/delivery.ts'
import { destinationCommand } from './commands/destination.ts'
import { doctorCommand } from './commands/doctor.ts'
import { erasuresCommand } from './commands/erasures.ts'
import { diffCommand, historyCommand } from './commands/history.ts'
import { identityCommand } from './commands/identity.ts'
import { mapCommand } from './commands/map.ts'
import { migrateCommand } from './commands/migrate.ts'
import { planCommand } from './commands/plan.ts'
import { profileCommand } from './commands/profile.ts'
import { pullCommand } from './commands/pull.ts'
import { rebuildCommand } from './commands/rebuild.ts'
import { rejectsCommand } from './commands/rejects.ts'
import { replayCommand } from './commands/replay.ts'
import { retentionCommand } from './commands/retention.ts'
import { sizingCommand } from './commands/sizing.ts'
import { schemaCommand } from './commands/schema.ts'
import { statusCommand } from './commands/status.ts'
import { tailCommand } from './commands/tail.ts'
import { topicsCommand } from './commands/topics.ts'
import { traceCommand } from './commands/trace.ts'
import { validateCommand } from './commands/validate.ts'
import type { Context, ExitCode } from './context.ts'
import type { OpenDoor } from './withDoor.ts'

/** The whole command; `done` takes the exit code of the subcommand that ran. */
export function createProgram(context: Context, done: (code: ExitCode) => void, open: OpenDoor): Command {
  const program = new Command('tributary')
    .description('Configure and operate a Tributary installation.')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.out(text.trimEnd()),
      writeErr: (text) => context.err(text.trimEnd()),
    })
    .addHelpText('after', '\nExit codes: 0 fine, 1 error, 2 changes or findings.')
  const commands = [
    validateCommand,
    schemaCommand,
    planCommand,
    applyCommand,
    statusCommand,
    historyCommand,
    diffCommand,
    rollbackCommand,
    pullCommand,
    topicsCommand,
    migrateCommand,
    profileCommand,
    audienceCommand,
    deliveryCommand,
    destinationCommand,
    identityCommand,
    tailCommand,
    mapCommand,
    traceCommand,
    rejectsCommand,
    replayCommand,
    auditCommand,
    retentionCommand,
    erasuresCommand,
    rebuildCommand,
    doctorCommand,
    sizingCommand,
  ]
  for (const add of commands) add(program, context, done, open)
  return program
}
