/** The recipe of a Destination document, with its parameters, or what is wrong with them and where. */
import { type Json } from '@tributary/domain'
import { didYouMean } from '../check/suggestion.ts'
import { type DestinationDocument } from '../model/index.ts'
import { type CompiledRecipe, compileRecipe } from './compileRecipe.ts'
import { type Recipe } from './recipe.ts'
import { shippedRecipes } from './shippedRecipes.ts'

export interface ReadRecipe {
  readonly compiled: CompiledRecipe
  /** Every parameter of the recipe, as given or by default. */
  readonly param: Record<string, string | number | boolean>
  /** Secret → name of its file. */
  readonly secretFiles: ReadonlyMap<string, string>
}

export interface RecipeProblem {
  /** In the document. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

type RecipeDestination = NonNullable<DestinationDocument['recipe']>

export function readRecipe(given: RecipeDestination): {
  readonly read?: ReadRecipe
  readonly problems: RecipeProblem[]
} {
  const at = given.use === undefined ? ['recipe', 'define'] : ['recipe', 'use']
  const recipe: Recipe | undefined = given.define ?? shippedRecipes.get(given.use ?? '')
  if (!recipe) {
    const names = [...shippedRecipes.keys()]
    return {
      problems: [
        { path: at, message: `there is no recipe \`${given.use}\`${didYouMean(given.use ?? '', names)}` },
      ],
    }
  }
  const { compiled, problems } = compileRecipe(recipe)
  const found = [
    ...problems.map(({ path, problem }) => ({
      path: [...at, ...path],
      message: `this expression cannot work: ${problem}`,
    })),
    ...namesMissing('params', recipe, given),
    ...namesMissing('secrets', recipe, given),
  ]
  const defaults = Object.entries(recipe.params ?? {}).flatMap(([name, each]) =>
    each.default === undefined ? [] : [[name, each.default] as const],
  )
  return {
    problems: found,
    read: {
      compiled,
      param: { ...Object.fromEntries(defaults), ...given.params } satisfies Json,
      secretFiles: new Map(Object.entries(given.secrets ?? {}).map(([name, { file }]) => [name, file])),
    },
  }
}

/** What the recipe needs and is not given, and what is given and it does not know. */
function namesMissing(key: 'params' | 'secrets', recipe: Recipe, given: RecipeDestination): RecipeProblem[] {
  const what = key === 'params' ? 'parameter' : 'secret'
  const known = key === 'params' ? Object.keys(recipe.params ?? {}) : (recipe.secrets ?? [])
  const needed = known.filter((name) => key === 'secrets' || recipe.params?.[name]?.default === undefined)
  const there = Object.keys(given[key] ?? {})
  return [
    ...needed
      .filter((name) => !there.includes(name))
      .map((name) => ({ path: ['recipe', key], message: `the recipe needs the ${what} \`${name}\`` })),
    ...there
      .filter((name) => !known.includes(name))
      .map((name) => ({
        path: ['recipe', key, name],
        message: `the recipe has no ${what} \`${name}\`${didYouMean(name, known)}`,
      })),
  ]
}
