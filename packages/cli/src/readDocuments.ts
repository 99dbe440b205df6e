import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import {
  formatProblem,
  parseDocuments,
  validateWorkspace,
  type Document,
  type ParsedFiles,
  type Problem,
  type SourceFile,
} from '@tributary/configuration'
import { CommandError, type Context } from './context.ts'
import { counted } from './output/table.ts'

/** Most files of one folder: a mistaken folder (a home directory, say) ends here instead of being read whole. */
const MAX_FILES = 1000

/** YAML files of a folder and the folders in it, or one file; sorted, hidden ones left out. */
function readFiles(context: Context, place: string): SourceFile[] {
  const names: string[] = []
  const visit = (path: string, top: boolean) => {
    let isFolder: boolean
    try {
      // Follows links: a mounted ConfigMap is made of them.
      isFolder = statSync(path).isDirectory()
    } catch {
      throw new CommandError(`there is no file or folder ${place}`)
    }
    if (isFolder) {
      for (const entry of readdirSync(path).sort())
        if (!entry.startsWith('.')) visit(join(path, entry), false)
    } else if (top || /\.ya?ml$/.test(path)) names.push(path)
    if (names.length > MAX_FILES)
      throw new CommandError(`${place} has more than ${MAX_FILES} YAML files; name a smaller folder`)
  }
  const root = join(context.cwd, place)
  visit(place.startsWith('/') ? place : root, true)
  if (names.length === 0) throw new CommandError(`there is no YAML file (*.yaml, *.yml) in ${place}`)
  return names.map((path) => ({ name: shownName(context, path), text: readFileSync(path, 'utf8') }))
}

function shownName(context: Context, path: string): string {
  const near = relative(context.cwd, path)
  return near.startsWith('..') ? path : near
}

export interface ReadDocuments {
  readonly files: number
  readonly parsed: ParsedFiles
}

export function readDocuments(
  context: Context,
  place: string,
  substitutions: ReadonlyMap<string, string>,
): ReadDocuments {
  const files = readFiles(context, place)
  return { files: files.length, parsed: parseDocuments(files, substitutions) }
}

/** All problems of the files, and of what they point at. */
export function problemsOf(read: ReadDocuments, held: readonly Document[], place: string): Problem[] {
  const references = validateWorkspace(read.parsed.documents, held, place)
  // A file that could not be read whole makes references into it dangle: those would only distract.
  return read.parsed.problems.some((problem) => !problem.notYet)
    ? [...read.parsed.problems]
    : [...read.parsed.problems, ...references]
}

export function refuseProblems(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  throw new CommandError(
    `${counted(problems.length, 'problem')} in the documents:`,
    problems.map(formatProblem),
  )
}

/** `--set NAME=VALUE`, given any number of times. */
export function collectSubstitution(
  text: string,
  before: ReadonlyMap<string, string> | undefined,
): Map<string, string> {
  const match = /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(text)
  if (!match) throw new CommandError(`--set takes NAME=VALUE with an upper-case NAME, not "${text}"`)
  return new Map(before).set(match[1]!, match[2]!)
}
