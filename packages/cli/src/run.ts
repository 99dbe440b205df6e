import { CommanderError } from 'commander'
import { CommandError, type Context, type ExitCode } from './context.ts'
import { createPaint } from './output/paint.ts'
import { openKafkaDoor } from './openKafkaDoor.ts'
import { createProgram } from './program.ts'
import type { OpenDoor } from './withDoor.ts'

/** Runs one command line; whatever goes wrong is one sentence, never a stack. */
export async function run(
  args: readonly string[],
  context: Context,
  open: OpenDoor = openKafkaDoor,
): Promise<ExitCode> {
  let code: ExitCode = 0
  const program = createProgram(
    context,
    (given) => {
      code = given
    },
    open,
  )
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1
    const message = error instanceof Error ? error.message : String(error)
    const details = error instanceof CommandError ? error.details : []
    const known = error instanceof CommandError
    if (args.includes('--json'))
      context.out(JSON.stringify({ error: message, ...(details.length > 0 && { details }) }))
    context.err(`${createPaint(context.colour).red('error')}: ${message}`)
    for (const detail of details) context.err(`  ${detail}`)
    // A fault of the program itself: whoever mends it needs the place.
    if (!known && error instanceof Error) context.err(String(error.stack))
    return 1
  }
}
