import { stringify } from 'yaml'
import { kindNames, type Document, type Kind } from './model/index.ts'

/** The keys people expect first; the rest as the kind's schema has them is lost in canonical JSON, so by name. */
const first = ['kind', 'schema', 'id', 'name', 'description']

/**
 * Documents as YAML that parseDocuments reads back to the same: one text per kind, in the order of kinds, documents
 * by id.
 */
export function documentsToYaml(documents: readonly Document[]): ReadonlyMap<Kind, string> {
  const texts = new Map<Kind, string>()
  for (const kind of kindNames) {
    const ofKind = documents
      .filter((document) => document.kind === kind)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
    if (ofKind.length > 0) texts.set(kind, ofKind.map(toYaml).join('---\n'))
  }
  return texts
}

function toYaml(document: Document): string {
  const rank = (key: string) => (first.includes(key) ? first.indexOf(key) : first.length)
  const entries = Object.entries(escaped(document) as object).sort(
    ([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1),
  )
  return stringify(Object.fromEntries(entries), { lineWidth: 100, aliasDuplicateObjects: false })
}

/** `${` that is meant as it stands would be filled in when read back. */
function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${')
  if (Array.isArray(value)) return value.map(escaped)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, escaped(member)]))
}
