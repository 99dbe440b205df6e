import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { heldRevision } from '@tributary/configuration'
import { loadRevisions } from '../configurationAccess.ts'
import type { ConnectionFlags } from '../connections.ts'
import type { Context, ExitCode } from '../context.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'
import { withJson, withKafka, withSubstitutions } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { planText } from '../output/planText.ts'
import { PLAN_FORMAT, proposeFiles, type PlanFile, type ProposalFlags } from '../proposal.ts'

interface Flags extends ConnectionFlags, ProposalFlags {
  readonly json?: true
  readonly out?: string
}

export function planCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('plan')
    .description('show what applying a folder would change, and change nothing')
    .argument('<dir>', 'folder, or one file, with YAML documents')
    .option('--out <file>', 'keep the plan, to be applied exactly so: tributary apply <file>')
    .option('--prune', 'plan to delete what is in force, managed by files, and not in the folder')
    .action(async (dir: string, flags: Flags) => done(await plan(context, dir, flags, open)))
  withKafka(withSubstitutions(withJson(command)))
}

async function plan(context: Context, dir: string, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  return withDoor(context, flags, open, async (door) => {
    const held = heldRevision(await loadRevisions(door))
    const proposal = proposeFiles(context, dir, held, flags)
    if (flags.out !== undefined) {
      const file: PlanFile = { format: PLAN_FORMAT, parent: proposal.plan.parent, ...proposal }
      writeFileSync(resolve(context.cwd, flags.out), `${JSON.stringify(file, null, 2)}\n`)
    }
    context.out(
      flags.json
        ? JSON.stringify(proposal.plan, null, 2)
        : planText(proposal.plan, createPaint(context.colour)),
    )
    if (proposal.plan.counts.refused > 0) return 1
    return proposal.plan.changes.length > 0 ? 2 : 0
  })
}
