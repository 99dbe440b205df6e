import type { Command } from 'commander'
import { formatProblem } from '@tributary/configuration'
import type { Context, ExitCode } from '../context.ts'
import { withJson, withSubstitutions } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { counted } from '../output/table.ts'
import { problemsOf, readDocuments } from '../readDocuments.ts'

interface Flags {
  readonly json?: true
  readonly set?: ReadonlyMap<string, string>
}

export function validateCommand(program: Command, context: Context, done: (code: ExitCode) => void): void {
  const command = program
    .command('validate')
    .description('check a folder of documents; needs nothing but the files')
    .argument('<dir>', 'folder, or one file, with YAML documents')
    .action((dir: string, flags: Flags) => done(validate(context, dir, flags)))
  withSubstitutions(withJson(command))
}

function validate(context: Context, dir: string, flags: Flags): ExitCode {
  const read = readDocuments(context, dir, flags.set ?? new Map<string, string>())
  const problems = problemsOf(read, [], dir)
  const documents = counted(read.parsed.documents.length, 'document')
  const files = counted(read.files, 'file')
  if (flags.json)
    context.out(
      JSON.stringify(
        {
          valid: problems.length === 0,
          files: read.files,
          documents: read.parsed.documents.length,
          problems,
        },
        null,
        2,
      ),
    )
  else if (problems.length === 0)
    context.out(`${createPaint(context.colour).green('valid')}: ${documents} in ${files}`)
  else {
    for (const problem of problems) context.out(formatProblem(problem))
    context.err(`${counted(problems.length, 'problem')} in ${files}`)
  }
  return problems.length === 0 ? 0 : 1
}
