import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { jsonSchemas, schemaText, type SchemaName } from '@tributary/configuration'
import { CommandError, type Context, type ExitCode } from '../context.ts'

export function schemaCommand(program: Command, context: Context, done: (code: ExitCode) => void): void {
  program
    .command('schema')
    .description('print the JSON Schema of a kind, for editors and other tools')
    .argument(
      '[kind]',
      'Workspace, Source, Identity, Trait, Audience, Destination, Sync, or document for any',
      'document',
    )
    .option('--out <dir>', 'write the schemas of all kinds into a folder instead')
    .action((kind: string, flags: { readonly out?: string }) => done(schema(context, kind, flags.out)))
}

function schema(context: Context, kind: string, out: string | undefined): ExitCode {
  const schemas = jsonSchemas()
  if (out !== undefined) {
    const folder = resolve(context.cwd, out)
    mkdirSync(folder, { recursive: true })
    for (const [name, each] of schemas) writeFileSync(join(folder, `${name}.json`), schemaText(each))
    context.out(`wrote ${schemas.size} schemas to ${out}`)
    return 0
  }
  const found = schemas.get(kind.toLowerCase() as SchemaName)
  if (!found)
    throw new CommandError(`there is no kind "${kind}"; known are ${[...schemas.keys()].join(', ')}`)
  context.out(schemaText(found).trimEnd())
  return 0
}
