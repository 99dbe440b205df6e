import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { heldRevision } from '@tributary/configuration'
import { askAudiencePlan } from '../askAudiencePlan.ts'
import { askFirstSends, firstSendsText } from '../askFirstSends.ts'
import { askIdentityPlan, type IdentityPlanFlags } from '../askIdentityPlan.ts'
import { loadRevisions } from '../configurationAccess.ts'
import type { ConnectionFlags } from '../connections.ts'
import { refuseBehind } from '../layoutEpochs.ts'
import type { Context, ExitCode } from '../context.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'
import { wholeNumber, withClickhouse, withJson, withKafka, withSubstitutions } from '../options.ts'
import { audiencePlanText } from '../output/audiencePlanText.ts'
import { identityPlanText } from '../output/identityPlanText.ts'
import { createPaint } from '../output/paint.ts'
import { planText } from '../output/planText.ts'
import { PLAN_FORMAT, proposeFiles, type PlanFile, type ProposalFlags } from '../proposal.ts'

interface Flags extends ConnectionFlags, ProposalFlags, IdentityPlanFlags {
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
    .option('--address <host:port>', 'address of the identity-stitcher (or IDENTITY_STITCHER_GRPC)')
    .option(
      '--samples <number>',
      'at most so many samples of who would merge, split, be renamed (10 when not given), enter and leave (20)',
      wholeNumber,
    )
    .option('--prune', 'plan to delete what is in force, managed by files, and not in the folder')
    .action(async (dir: string, flags: Flags) => done(await plan(context, dir, flags, open)))
  withClickhouse(withKafka(withSubstitutions(withJson(command))))
}

async function plan(context: Context, dir: string, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  return withDoor(context, flags, open, async (door) => {
    const revisions = await loadRevisions(door)
    const held = heldRevision(revisions, door.epoch)
    refuseBehind(revisions, held, door.epoch)
    const proposal = proposeFiles(context, dir, held, flags)
    const identity = await askIdentityPlan(context, proposal, flags)
    const before = held?.revision.documents ?? []
    const audiences = await askAudiencePlan(context, proposal, before, flags)
    const firstSends = await askFirstSends(context, proposal, before, audiences)
    if (flags.out !== undefined) {
      const file: PlanFile = {
        format: PLAN_FORMAT,
        parent: proposal.plan.parent,
        ...proposal,
        ...(identity && { identity }),
        ...(audiences.length > 0 && { audiences }),
      }
      writeFileSync(resolve(context.cwd, flags.out), `${JSON.stringify(file, null, 2)}\n`)
    }
    const paint = createPaint(context.colour)
    if (flags.json)
      context.out(
        JSON.stringify({ ...proposal.plan, ...(identity && { identity }), audiences, firstSends }, null, 2),
      )
    else {
      context.out(planText(proposal.plan, paint))
      if (identity) context.out(`\n${identityPlanText(identity, paint)}`)
      if (audiences.length > 0) context.out(`\n${audiencePlanText(audiences)}`)
      if (firstSends.length > 0) context.out(`\n${firstSendsText(firstSends)}`)
    }
    if (proposal.plan.counts.refused > 0) return 1
    return proposal.plan.changes.length > 0 ? 2 : 0
  })
}
