/**
 * YAML files to documents, each problem with its file, line and column.
 *
 * A bad file is a value, not an error: all problems of all files come back together.
 */
import { isAlias, isCollection, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import type { Document as YamlDocument, Node, Pair, YAMLError } from 'yaml'
import { checkDocument } from './check/checkDocument.ts'
import { written, type Finding, type PathStep } from './check/checkSchema.ts'
import { didYouMean } from './check/suggestion.ts'
import { documentName, isKind, kindNames, type Document } from './model/index.ts'
import { substitute, type Substitutions } from './substitute.ts'

export interface SourceFile {
  readonly name: string
  readonly text: string
}

export interface Position {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly column: number
}

export interface Problem extends Position {
  readonly message: string
  /** "trait/spend_90d", when the document is known. */
  readonly document?: string
  /** Refused only because this version does not run it yet. */
  readonly notYet?: boolean
}

export interface ParsedDocument {
  readonly document: Document
  /** Where a value stands, or its key. */
  readonly position: (path: readonly PathStep[], atKey?: boolean) => Position
}

export interface ParsedFiles {
  readonly documents: readonly ParsedDocument[]
  readonly problems: readonly Problem[]
}

/** A file larger than this is no workspace: one whole revision is at most 900 KiB. Bytes. */
export const MAX_FILE_BYTES = 1_048_576

/** Aliases of one document that may be followed: enough for any shared list, too few for a bomb. */
const MAX_ALIASES = 100

/** Deepest nesting of maps and lists; conditions people can read have a tenth of it. */
const MAX_DEPTH = 64

/** Most nodes of one document, aliases followed: memory stays bounded whatever the aliases multiply. */
const MAX_NODES = 100_000

export function parseDocuments(
  files: readonly SourceFile[],
  substitutions: Substitutions = new Map(),
): ParsedFiles {
  const documents: ParsedDocument[] = []
  const problems: Problem[] = []
  const seen = new Map<string, Position>()
  for (const file of files)
    for (const result of parseFile(file, substitutions)) {
      problems.push(...result.problems)
      if (!result.parsed) continue
      const name = documentName(result.parsed.document)
      const here = result.parsed.position(['id'])
      const first = seen.get(name)
      if (first)
        problems.push({
          ...here,
          document: name,
          message: `there is a ${result.parsed.document.kind} \`${result.parsed.document.id}\` already, at ${first.file}:${first.line}`,
        })
      else {
        seen.set(name, here)
        documents.push(result.parsed)
      }
    }
  return { documents, problems }
}

interface ParseResult {
  readonly parsed?: ParsedDocument
  readonly problems: readonly Problem[]
}

function parseFile(file: SourceFile, substitutions: Substitutions): ParseResult[] {
  const start = { file: file.name, line: 1, column: 1 }
  if (Buffer.byteLength(file.text) > MAX_FILE_BYTES)
    return [{ problems: [{ ...start, message: `the file is larger than ${MAX_FILE_BYTES} bytes` }] }]
  const lines = new LineCounter()
  let parsed: ReturnType<typeof parseAllDocuments>
  try {
    parsed = parseAllDocuments(file.text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  } catch (error) {
    // The parser recurses: what is nested thousands deep ends its stack.
    return [{ problems: [{ ...start, message: `cannot be read as YAML: ${(error as Error).message}` }] }]
  }
  if (!Array.isArray(parsed)) return []
  return parsed
    .filter((each) => !isEmpty(each) || each.errors.length > 0)
    .map((each) => readDocument(file.name, each, lines, substitutions))
}

function readDocument(
  file: string,
  yaml: YamlDocument,
  lines: LineCounter,
  substitutions: Substitutions,
): ParseResult {
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(1, line), column: Math.max(1, col) }
  }
  const position = (path: readonly PathStep[], atKey = false): Position => at(offsetOf(yaml, path, atKey))
  if (yaml.errors.length > 0)
    return { problems: yaml.errors.map((error) => ({ ...at(error.pos[0]), message: yamlMessage(error) })) }
  const tooMuch = measure(yaml)
  if (tooMuch) return { problems: [{ ...at(tooMuch.offset), message: tooMuch.message }] }
  const read = substitute(yaml.toJS({ maxAliasCount: MAX_ALIASES }) as unknown, substitutions)
  const value = read.value
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return {
      problems: [
        { ...position([]), message: 'a document is a map of keys that begins with `kind` and `id`' },
      ],
    }
  const { kind, id } = value as { kind?: unknown; id?: unknown }
  if (!isKind(kind))
    return {
      problems: [
        kind === undefined
          ? { ...position([]), message: `needs the key \`kind\`: one of ${kindNames.join(', ')}` }
          : {
              ...position(['kind']),
              message: `there is no kind ${written(kind)}${didYouMean(written(kind).replaceAll('"', ''), kindNames)}`,
            },
      ],
    }
  const name = typeof id === 'string' ? documentName({ kind, id }) : undefined
  const findings: Finding[] = [...read.findings, ...unsafeNumbers(value), ...checkDocument(kind, value)]
  const problems = findings.map((finding) => problemOf(finding, position, name))
  // What is only not yet run has the right shape: references into it can still be followed.
  const whole = findings.every((finding) => finding.notYet === true)
  return whole ? { parsed: { document: value as Document, position }, problems } : { problems }
}

export function problemOf(
  finding: Finding,
  position: ParsedDocument['position'],
  document: string | undefined,
): Problem {
  return {
    ...position(finding.path, finding.atKey),
    message: finding.message,
    ...(document !== undefined && { document }),
    ...(finding.notYet && { notYet: true }),
  }
}

/** What stands between two `---` without a word. */
function isEmpty(yaml: YamlDocument): boolean {
  return yaml.contents === null || (isScalar(yaml.contents) && yaml.contents.value === null)
}

/** Refuses what would take too much before anything is built from it. */
function measure(yaml: YamlDocument): { offset: number; message: string } | undefined {
  let nodes = 0
  let aliases = 0
  const visit = (node: unknown, depth: number): { offset: number; message: string } | undefined => {
    const offset = (node as Node | null)?.range?.[0] ?? 0
    if (depth > MAX_DEPTH) return { offset, message: `nested more than ${MAX_DEPTH} levels deep` }
    if (++nodes > MAX_NODES) return { offset, message: `more than ${MAX_NODES} values, aliases followed` }
    if (isAlias(node)) {
      if (++aliases > MAX_ALIASES) return { offset, message: `more than ${MAX_ALIASES} aliases followed` }
      const target = node.resolve(yaml)
      return target
        ? visit(target, depth + 1)
        : { offset, message: `the alias *${node.source} has no anchor before it` }
    }
    if (!isCollection(node)) return undefined
    for (const item of node.items)
      for (const part of isMap(node) ? partsOf(item as Pair) : [item]) {
        const found = visit(part, depth + 1)
        if (found) return found
      }
    return undefined
  }
  return visit(yaml.contents, 0)
}

/** A key may be an alias or a collection too; of a plain one nothing can go wrong. */
function partsOf({ key, value }: Pair): readonly unknown[] {
  return isScalar(key) ? [value] : [key, value]
}

/** Where the value at a path stands in the text; the nearest that is there when it is missing. */
function offsetOf(yaml: YamlDocument, path: readonly PathStep[], atKey: boolean): number {
  let node: unknown = yaml.contents
  let offset = yaml.contents?.range?.[0] ?? yaml.range?.[0] ?? 0
  for (const [i, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(yaml)
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step))
      if (!pair) return offset
      const key = (pair.key as Node).range?.[0] ?? offset
      if (atKey && i === path.length - 1) return key
      node = pair.value
      offset = valueOffset(node) ?? key
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step]
      offset = valueOffset(node) ?? offset
    } else return offset
  }
  return offset
}

function valueOffset(node: unknown): number | undefined {
  const range = (node as Node | null)?.range
  // An empty value has a range of no width at the end of its key: the key says more.
  return range && (range[1] > range[0] || isCollection(node)) ? range[0] : undefined
}

function yamlMessage(error: YAMLError): string {
  if (error.code === 'DUPLICATE_KEY') return 'this key stands twice in the same map'
  return `cannot be read as YAML: ${error.message}`
}

/** Whole numbers that a number cannot hold would change silently. */
function unsafeNumbers(value: unknown, path: readonly PathStep[] = []): Finding[] {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return [{ path, message: 'this number is too large to be kept exactly: write it as a text, in quotes' }]
  if (typeof value === 'number' && !Number.isFinite(value))
    return [{ path, message: 'must be a finite number' }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) =>
    unsafeNumbers(member, [...path, Array.isArray(value) ? Number(key) : key]),
  )
}
