import { type Expression, type ExpressionProblem, expressionLanguage } from './expression.ts'

/** What an expression in a Sync document reads: the change, and the profile beside it. */
const language = expressionLanguage({
  profileId: 'string',
  version: 'string',
  time: 'string',
  change: 'string',
  audience: 'dyn',
  mergedInto: 'dyn',
  identifiers: 'map<string, string>',
  traits: 'map<string, dyn>',
  computed: 'map<string, dyn>',
  audiences: 'map<string, dyn>',
  consent: 'map<string, dyn>',
})

export function compileFieldExpression(text: string): Expression | ExpressionProblem {
  return language.compile(text)
}
