/** Secrets of recipes, from files that a document names. */
import type { ReadRecipe } from '@tributary/configuration'
import { loadSecretFile } from '@tributary/service-kit'
import { type SecretProblem, createHeldSecrets } from '../destination/heldSecrets.ts'

export type RecipeSecrets = { readonly secret: Record<string, string> } | SecretProblem

export function createRecipeSecrets(
  dir: string | undefined,
  clock: () => number,
): (recipe: ReadRecipe) => RecipeSecrets {
  const held = createHeldSecrets<RecipeSecrets>(clock)
  return ({ secretFiles }) =>
    held(JSON.stringify([...secretFiles]), () => {
      const values = [...secretFiles].map(([name, file]) => [name, loadSecretFile(dir, file).trim()] as const)
      return { secret: Object.fromEntries(values) }
    })
}
