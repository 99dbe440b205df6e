/**
 * Sends deliveries by a recipe: what comes together goes in one request (destination/gather.ts), as many as the service
 * takes.
 *
 * Invariant:
 *  C1. What an item says is data: it is put into templates and never read as one, and reaches neither address nor
 *      headers. Secrets reach nothing but address and headers.
 */
import {
  DEFAULT_TIMEOUT_MS,
  type DestinationDocument,
  type ReadRecipe,
  readRecipe,
} from '@tributary/configuration'
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type Json, parseExact } from '@tributary/domain'
import type { Answer } from '../delivery/classify.ts'
import type { Sender } from '../delivery/dispatcher.ts'
import { type Gathered, gather } from '../destination/gather.ts'
import { type GuardedHttp, failure } from '../http/guardedHttp.ts'
import type { RecipeSecrets } from './recipeSecrets.ts'

export interface RecipeSenderOptions {
  readonly secrets: (recipe: ReadRecipe) => RecipeSecrets
  readonly http: GuardedHttp
  /** Product and version, for the receiver's log. */
  readonly userAgent: string
}

interface Lane {
  readonly recipe: ReadRecipe
  readonly send: Gathered
}

export function createRecipeSender({ secrets, http, userAgent }: RecipeSenderOptions): Sender {
  /** By document: another revision of it is another lane. */
  const lanes = new WeakMap<DestinationDocument, Lane>()

  function laneOf(destination: DestinationDocument): Lane | undefined {
    const known = lanes.get(destination)
    if (known) return known
    const recipe = destination.recipe && readRecipe(destination.recipe).read
    if (!recipe) return undefined
    const lane: Lane = {
      recipe,
      send: gather({
        most: recipe.compiled.batch,
        request: (deliveries, signal) =>
          request(destination, recipe, deliveries, signal).catch((error: unknown) =>
            failure('URL_INVALID', `the recipe cannot be filled in: ${(error as Error).message}`),
          ),
      }),
    }
    lanes.set(destination, lane)
    return lane
  }

  async function request(
    destination: DestinationDocument,
    recipe: ReadRecipe,
    deliveries: readonly Delivery[],
    signal: AbortSignal,
  ): Promise<Answer> {
    const read = secrets(recipe)
    if ('problem' in read) return failure('URL_INVALID', read.problem.message)
    const { compiled, param } = recipe
    const given = { param, secret: read.secret }
    const filled = deliveries.map((delivery) => compiled.item(itemOf(delivery), param))
    const answer = await http.call({
      destination: destination.id,
      method: compiled.method,
      url: compiled.url(given),
      headers: { 'content-type': 'application/json', 'user-agent': userAgent, ...compiled.headers(given) },
      body: JSON.stringify(compiled.body(filled, param)),
      allowPrivate: destination.recipe?.allowPrivateAddresses === true,
      timeoutMs: destination.recipe?.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      signal,
    })
    const verdict = answer.kind === 'status' ? compiled.answers.get(answer.status) : undefined
    return answer.kind === 'status' && verdict ? { ...answer, verdict } : answer
  }

  return {
    blocked(destination) {
      const lane = laneOf(destination)
      if (!lane) return { code: 'KIND_UNKNOWN', message: 'this version does not know the recipe' }
      const read = secrets(lane.recipe)
      return 'problem' in read ? read.problem : undefined
    },
    send(destination, delivery, signal) {
      const lane = laneOf(destination)
      if (!lane) return Promise.resolve(failure('URL_INVALID', 'this version does not know the recipe'))
      return lane.send(delivery, signal)
    },
  }
}

function itemOf({ id, type, profileId, version, body }: Delivery) {
  const { timestamp, data } = parseExact(body) as { timestamp: string; data: Json }
  return { id, type, time: timestamp, profileId, version, data }
}
