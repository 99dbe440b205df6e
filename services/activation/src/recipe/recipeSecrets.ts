/** Secrets of recipes, from files that a document names. Read again now and then, so a rotation needs no restart. */
import type { ReadRecipe } from '@tributary/configuration'
import { loadSecretFile } from '@tributary/service-kit'

/** Five seconds: soon enough for people, and no file is read for every call. */
const REREAD_MS = 5_000

export type RecipeSecrets =
  | { readonly secret: Record<string, string> }
  | { readonly problem: { readonly code: string; readonly message: string } }

export function createRecipeSecrets(
  dir: string | undefined,
  clock: () => number,
): (recipe: ReadRecipe) => RecipeSecrets {
  const held = new Map<string, { readonly secrets: RecipeSecrets; readonly untilMs: number }>()

  function read({ secretFiles }: ReadRecipe): RecipeSecrets {
    try {
      const values = [...secretFiles].map(([name, file]) => [name, loadSecretFile(dir, file).trim()] as const)
      return { secret: Object.fromEntries(values) }
    } catch (error) {
      const code = (error as { code?: string }).code ?? 'SECRET_INVALID'
      return { problem: { code, message: error instanceof Error ? error.message : String(error) } }
    }
  }

  return (recipe) => {
    const name = JSON.stringify([...recipe.secretFiles])
    const known = held.get(name)
    if (known && known.untilMs > clock()) return known.secrets
    const secrets = read(recipe)
    held.set(name, { secrets, untilMs: clock() + REREAD_MS })
    return secrets
  }
}
