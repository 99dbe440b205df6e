import { checkDocument } from './check/checkDocument.ts'
import { checkReferences } from './check/checkReferences.ts'
import { documentName, type Document } from './model/index.ts'
import { problemOf, type ParsedDocument, type Problem } from './parseDocuments.ts'

/**
 * What is wrong with a whole set of documents: dangling references, keys used twice, no Workspace.
 *
 * `held` are documents that stay without being in the files (from a console, or not pruned); a problem in one of
 * them says so instead of a line.
 */
export function validateWorkspace(
  parsed: readonly ParsedDocument[],
  held: readonly Document[] = [],
  folder = '.',
): Problem[] {
  const byDocument = new Map(parsed.map((each) => [each.document, each]))
  return checkReferences([...byDocument.keys(), ...held]).map((finding) => {
    const document = finding.document
    const place = document && byDocument.get(document)
    if (document && place) return problemOf(finding, place.position, documentName(document))
    return {
      file: document ? '(in force, not in the files)' : folder,
      line: 0,
      column: 0,
      message: document ? `${documentName(document)}: ${finding.message}` : finding.message,
      ...(document && { document: documentName(document) }),
    }
  })
}

/**
 * What is wrong with documents that came from no file: those of a plan, or of an earlier revision. Places are names
 * of documents.
 */
export function validateDocuments(documents: readonly Document[]): Problem[] {
  const own = documents.flatMap((document) =>
    checkDocument(document.kind, document).map((finding) => ({ ...finding, document })),
  )
  const findings = own.some((finding) => !finding.notYet) ? own : [...own, ...checkReferences(documents)]
  return findings.map((finding) => ({
    file: finding.document ? documentName(finding.document) : 'workspace',
    line: 0,
    column: 0,
    message: finding.path.length > 0 ? `${finding.path.join('.')}: ${finding.message}` : finding.message,
    ...(finding.document && { document: documentName(finding.document) }),
    ...(finding.notYet && { notYet: true }),
  }))
}

/** "shop.yaml:12:7: unknown key …", as compilers write it, so that editors can jump there. */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file
  return `${place}: ${problem.message}`
}
