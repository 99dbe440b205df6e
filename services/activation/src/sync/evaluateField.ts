import { type Expression, compileFieldExpression } from '@tributary/configuration'
import type { Json } from '@tributary/contracts'
import type { Change } from './change.ts'
import { type ProfileView, readView } from './profileView.ts'

/** Expressions of the documents in force; those of former ones are dropped with all when there are so many. */
const MAX_COMPILED = 1_000
const compiled = new Map<string, Expression>()
/** Of a document that this version cannot compile: it was refused when it was applied. */
const nothing: Expression = { evaluate: () => null }

function expressionOf(text: string): Expression {
  let known = compiled.get(text)
  if (!known) {
    const found = compileFieldExpression(text)
    known = 'problem' in found ? nothing : found
    if (compiled.size >= MAX_COMPILED) compiled.clear()
    compiled.set(text, known)
  }
  return known
}

/** The value of an expression of a sync; null where it cannot be worked out for this person. */
export function evaluateField(text: string, change: Change, view: ProfileView | undefined): Json {
  const { record } = change
  const part = (name: string): Json => (view && readView(view, name)) ?? {}
  const identifiers: { [type: string]: string } = {}
  for (const { type, value } of view?.identifiers ?? []) identifiers[type] ??= value
  return expressionOf(text).evaluate({
    profileId: record.profileId,
    version: record.version,
    time: record.time,
    change: change.of === 'audience' ? change.record.change : change.record.op,
    audience: change.of === 'audience' ? change.record.audience : null,
    mergedInto: change.of === 'profile' ? (change.record.mergedInto ?? null) : null,
    identifiers,
    traits: part('traits'),
    computed: part('computed'),
    audiences: part('audiences'),
    consent: part('consent'),
  })
}
