/**
 * Texts and JSON with expressions in them: "Bearer {{ secret.token }}".
 *
 *  T1. A text that is one expression and nothing else has its value and its type; in any other text each expression is
 *      written as text, null as nothing.
 *  T2. An entry whose name ends in "?" is left out when its value is null; the name has no "?" then.
 */
import { type Json, isExactNumber, isJsonObject, setOwn } from '@tributary/domain'
import { type Expression, type ExpressionLanguage } from '../expression/expression.ts'

export type Values = Readonly<Record<string, Json>>

export interface Template<T> {
  render(values: Values): T
}

/** What is wrong, and where in the template. */
export interface TemplateProblem {
  readonly path: readonly (string | number)[]
  readonly problem: string
}

export type Report = (problem: TemplateProblem) => void

type Path = readonly (string | number)[]

const HOLE = /\{\{(.*?)\}\}/gs

/** A template of any JSON. Problems are reported, and what has one is null. */
export function jsonTemplate(
  language: ExpressionLanguage,
  template: Json,
  report: Report,
  path: Path = [],
): Template<Json> {
  if (typeof template === 'string') return textValue(language, template, report, path)
  if (Array.isArray(template)) {
    const parts = template.map((each, i) => jsonTemplate(language, each, report, [...path, i]))
    return { render: (values) => parts.map((part) => part.render(values)) }
  }
  if (!isJsonObject(template) || isExactNumber(template)) return { render: () => template }
  const entries = Object.entries(template).map(([key, value]) => ({
    key: key.endsWith('?') ? key.slice(0, -1) : key,
    mayMiss: key.endsWith('?'),
    part: jsonTemplate(language, value, report, [...path, key]),
  }))
  return {
    render(values) {
      const out: { [key: string]: Json } = {}
      for (const { key, mayMiss, part } of entries) {
        const value = part.render(values)
        if (!mayMiss || value !== null) setOwn(out, key, value)
      }
      return out
    },
  }
}

/** T1. */
function textValue(language: ExpressionLanguage, text: string, report: Report, path: Path): Template<Json> {
  const whole = /^\s*\{\{(.*)\}\}\s*$/s.exec(text)?.[1]
  if (whole !== undefined && !whole.includes('{{')) {
    const expression = compiled(language, whole, report, path)
    return { render: (values) => expression?.evaluate(values) ?? null }
  }
  return textTemplate(language, text, report, path)
}

/** A template of a text. */
export function textTemplate(
  language: ExpressionLanguage,
  text: string,
  report: Report,
  path: Path = [],
): Template<string> {
  const parts: (string | Expression)[] = []
  let end = 0
  for (const match of text.matchAll(HOLE)) {
    parts.push(text.slice(end, match.index))
    const expression = compiled(language, match[1]!, report, path)
    if (expression) parts.push(expression)
    end = match.index + match[0].length
  }
  parts.push(text.slice(end))
  return {
    render: (values) =>
      parts.map((part) => (typeof part === 'string' ? part : asText(part.evaluate(values)))).join(''),
  }
}

function compiled(
  language: ExpressionLanguage,
  text: string,
  report: Report,
  path: Path,
): Expression | undefined {
  const found = language.compile(text.trim())
  if (!('problem' in found)) return found
  report({ path, problem: found.problem })
  return undefined
}

function asText(value: Json): string {
  if (value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
