import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { documentsToYaml, fromRevisionDocument } from '@tributary/configuration'
import { revisionInForce } from '../configurationAccess.ts'
import type { ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { withKafka } from '../options.ts'
import { counted } from '../output/table.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'

export function pullCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('pull')
    .description('write the documents in force as YAML, one file per kind')
    .argument('<dir>', 'an empty or new folder')
    .option('--force', 'write into a folder that is not empty')
    .action(async (dir: string, flags: ConnectionFlags & { readonly force?: true }) => {
      const held = await withDoor(context, flags, open, revisionInForce)
      if (!held) throw new CommandError('there is no revision yet')
      const folder = resolve(context.cwd, dir)
      if (!flags.force && existsSync(folder) && readdirSync(folder).length > 0)
        throw new CommandError(`${dir} is not empty: name another folder, or overwrite with --force`)
      mkdirSync(folder, { recursive: true })
      const documents = held.revision.documents.map(fromRevisionDocument)
      for (const [kind, text] of documentsToYaml(documents))
        writeFileSync(join(folder, `${kind.toLowerCase()}.yaml`), text)
      context.out(
        `wrote ${counted(documents.length, 'document')} of revision ${held.revision.revision} to ${dir}`,
      )
      done(0)
    })
  withKafka(command)
}
