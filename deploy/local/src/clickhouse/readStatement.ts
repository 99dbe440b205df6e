/**
 * Reads as much of a ClickHouse statement as the HTTP front must know: does data follow it, in which format,
 * where does the data start, which output format is asked for, and is it one statement only.
 *
 * It is a scanner, not a parser: it knows strings, quoted identifiers, comments and brackets, and looks only at
 * words outside all of them. Anything it does not recognise goes to the engine as it is, which then judges it.
 */

export type Statement =
  /** INSERT whose rows are data: `head` + ` FROM INFILE '…' ` + `tail` reads them from a file. */
  | { kind: 'insert-data'; head: string; tail: string; dataStart: number }
  /** SELECT and its like: a result comes back, in `format` if the text names one. */
  | { kind: 'query'; format: string | undefined }
  /** All else: DDL, SET, INSERT … SELECT. */
  | { kind: 'command' }
  /** More than one statement: a ClickHouse server refuses that over HTTP, so the front does too. */
  | { kind: 'several' }

interface Word {
  text: string
  upper: string
  start: number
  end: number
}

const QUERY_STARTS = new Set(['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'DESC', 'EXPLAIN', 'EXISTS', 'CHECK'])

export function readStatement(text: string): Statement {
  const words: Word[] = []
  let insertEnd: number | undefined
  let first: string | undefined
  let endOfStatement = false

  for (const token of tokens(text)) {
    if (token.kind === 'semicolon') {
      endOfStatement = true
      continue
    }
    if (endOfStatement) return { kind: 'several' }
    if (token.kind !== 'word') continue
    const { start, end } = token
    first ??= text.slice(start, end).toUpperCase()
    if (token.depth > 0) continue
    words.push({ text: text.slice(start, end), upper: text.slice(start, end).toUpperCase(), start, end })

    if (words[0]?.upper !== 'INSERT') continue
    const last = words.length - 1
    // From the format's name on it is data, which the scanner must not read. Word 2 is the table's name.
    if (last >= 4 && words[last - 1]?.upper === 'FORMAT' && !has(words, 'SELECT')) {
      insertEnd = end
      break
    }
    if (last >= 3 && words[last]?.upper === 'VALUES' && !has(words, 'SELECT')) {
      insertEnd = end
      break
    }
  }

  if (insertEnd !== undefined) return insertData(text, words, insertEnd)
  if (first !== undefined && !QUERY_STARTS.has(first)) return { kind: 'command' }
  return { kind: 'query', format: outputFormat(words) }
}

function has(words: Word[], upper: string): boolean {
  return words.some((word) => word.upper === upper)
}

function insertData(text: string, words: Word[], end: number): Statement {
  const last = words.at(-1) as Word
  const settings = words.slice(3).find((word) => word.upper === 'SETTINGS')
  const keyword = last.upper === 'VALUES' ? last : (words.at(-2) as Word)
  const cut = settings?.start ?? keyword.start
  const middle = text.slice(cut, keyword.start)
  const format = last.upper === 'VALUES' ? 'Values' : last.text
  return {
    kind: 'insert-data',
    head: text.slice(0, cut).trimEnd(),
    tail: `${middle}FORMAT ${format}`,
    dataStart: afterBlank(text, end),
  }
}

/** Data starts after the spaces on the statement's line and at most one line end, as on a server. */
function afterBlank(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\t') at++
  if (text[at] === '\r') at++
  if (text[at] === '\n') at++
  return at
}

function outputFormat(words: Word[]): string | undefined {
  const at = words.findLastIndex((word) => word.upper === 'FORMAT')
  return at < 1 ? undefined : words[at + 1]?.text
}

type Token =
  | { kind: 'word'; start: number; end: number; depth: number }
  | { kind: 'semicolon' }
  | { kind: 'other' }

const WORD = /[A-Za-z_][A-Za-z0-9_]*|[0-9][A-Za-z0-9_.]*/y
const QUOTES = new Set(["'", '"', '`'])

function* tokens(text: string): Generator<Token> {
  let at = 0
  let depth = 0
  while (at < text.length) {
    const char = text[at] as string
    if (/\s/.test(char)) {
      at++
    } else if (QUOTES.has(char)) {
      const start = at
      at = endOfQuoted(text, at, char)
      if (char === "'" || text[start - 1] === '.') yield { kind: 'other' }
      else yield { kind: 'word', start, end: at, depth }
    } else if (text.startsWith('--', at) || char === '#') {
      const end = text.indexOf('\n', at)
      at = end === -1 ? text.length : end
    } else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2)
      at = end === -1 ? text.length : end + 2
    } else if (char === ';') {
      at++
      yield { kind: 'semicolon' }
    } else {
      WORD.lastIndex = at
      const word = WORD.exec(text)
      if (word) {
        const start = at
        at += word[0].length
        // `db.table` is one name.
        if (text[start - 1] === '.') yield { kind: 'other' }
        else yield { kind: 'word', start, end: at, depth }
      } else {
        if (char === '(' || char === '[' || char === '{') depth++
        if (char === ')' || char === ']' || char === '}') depth--
        at++
        yield { kind: 'other' }
      }
    }
  }
}

function endOfQuoted(text: string, start: number, quote: string): number {
  let at = start + 1
  while (at < text.length) {
    if (text[at] === '\\') at += 2
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at + 1
      at += 2
    } else at++
  }
  return text.length
}
