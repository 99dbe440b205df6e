/**
 * A recipe made ready: every template compiled, what is wrong said.
 *
 *  R1. Items cannot reach secrets, and addresses cannot reach items: what is sent where is decided by the document alone.
 */
import { type Json } from '@tributary/domain'
import { expressionLanguage } from '../expression/expression.ts'
import { type Recipe } from './recipe.ts'
import { type Template, type TemplateProblem, type Values, jsonTemplate, textTemplate } from './template.ts'

/** One change as templates see it, as `item`. */
export interface RecipeItem {
  /** Id of the delivery: the idempotency key. */
  readonly id: string
  /** CloudEvents type of the change. */
  readonly type: string
  /** ISO-8601. */
  readonly time: string
  readonly profileId: string
  readonly version: string
  /** What the sync's fields make of it. */
  readonly data: Json
}

export interface CompiledRecipe {
  readonly method: string
  readonly batch: number
  /** Status → verdict, where it is not the usual one. */
  readonly answers: ReadonlyMap<number, NonNullable<Recipe['answers']>[number]['verdict']>
  url(given: Values): string
  headers(given: Values): Record<string, string>
  item(item: RecipeItem, param: Json): Json
  body(items: readonly Json[], param: Json): Json
}

const addresses = expressionLanguage({ param: 'map<string, dyn>', secret: 'map<string, string>' })
const itemsLanguage = expressionLanguage({ item: 'map<string, dyn>', param: 'map<string, dyn>' })
const bodies = expressionLanguage({ items: 'dyn', param: 'map<string, dyn>' })

export function compileRecipe(recipe: Recipe): {
  readonly compiled: CompiledRecipe
  readonly problems: readonly TemplateProblem[]
} {
  const problems: TemplateProblem[] = []
  const under =
    (...above: (string | number)[]) =>
    ({ path, problem }: TemplateProblem) => {
      problems.push({ path: [...above, ...path], problem })
    }
  const texts = (key: 'query' | 'headers'): [string, Template<string>][] =>
    Object.entries(recipe[key] ?? {}).map(([name, text]) => [
      name,
      textTemplate(addresses, text, under(key, name)),
    ])
  const url = textTemplate(addresses, recipe.url, under('url'))
  const query = texts('query')
  const headers = texts('headers')
  const item = jsonTemplate(itemsLanguage, recipe.item as Json, under('item'))
  const body = jsonTemplate(bodies, recipe.body as Json, under('body'))
  return {
    problems,
    compiled: {
      method: recipe.method ?? 'POST',
      batch: recipe.batch ?? 1,
      answers: new Map((recipe.answers ?? []).map(({ status, verdict }) => [status, verdict])),
      url(given) {
        const address = url.render(given)
        if (query.length === 0 || !URL.canParse(address)) return address
        const parsed = new URL(address)
        for (const [name, text] of query) parsed.searchParams.set(name, text.render(given))
        return parsed.href
      },
      headers: (given) =>
        Object.fromEntries(headers.map(([name, text]) => [name.toLowerCase(), text.render(given)])),
      item: (each, param) => item.render({ item: { ...each }, param }),
      body: (each, param) => body.render({ items: [...each], param }),
    },
  }
}
