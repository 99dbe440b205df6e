/** What stands in a page of docs/reference: the examples of one section, which the tests run. */
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'

export interface PageExample {
  /** All documents of its YAML; `replace` puts what differs in this run. */
  documents(replace?: (yaml: string) => string): { readonly kind: string; readonly id: string }[]
  /** The first block of a language. */
  code(language: string): string
}

export function pageExample(page: string, title: string): PageExample {
  const text = readFileSync(new URL(`../../../docs/reference/${page}`, import.meta.url), 'utf8')
  const section = text.split(/^## /m).find((each) => each.startsWith(`${title}\n`))
  if (section === undefined) throw new Error(`docs/reference/${page} has no section "${title}"`)
  const code = (language: string): string => {
    const found = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(section)?.[1]
    if (found === undefined) throw new Error(`the section "${title}" has no ${language}`)
    return found
  }
  return {
    code,
    documents: (replace = (yaml) => yaml) =>
      parseAllDocuments(replace(code('yaml'))).map(
        (document) => document.toJS() as { kind: string; id: string },
      ),
  }
}
