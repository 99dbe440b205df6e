/**
 * Sends deliveries by a recipe: what comes together goes in one request, as many as the service takes.
 *
 *      send ─▶ waiting ──full, or LINGER_MS after the first──▶ request ──▶ each its answer
 *                                                                 └─ refused as items ─▶ halves, again ─▶ …
 *
 * Invariants:
 *  B1. Every item gets the answer of a request that it was part of. Of one person never two are in a request: the
 *      dispatcher has at most one under way.
 *  B2. One item that a service refuses costs none of the others anything: a request that is refused is sent again in
 *      halves, down to the one.
 *  B3. What an item says is data: it is put into templates and never read as one, and reaches neither address nor
 *      headers. Secrets reach nothing but address and headers.
 */
import { type DestinationDocument, type ReadRecipe, readRecipe } from '@tributary/configuration'
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type Json, parseExact } from '@tributary/domain'
import { type Answer, classify } from '../delivery/classify.ts'
import type { Sender } from '../delivery/dispatcher.ts'
import { type GuardedHttp, TIMEOUT_MS, failure } from '../http/guardedHttp.ts'
import type { RecipeSecrets } from './recipeSecrets.ts'

/** What is due at once is started at once; this also gathers what the next commit brings, and nobody notices it. */
const LINGER_MS = 20

export interface RecipeSenderOptions {
  readonly secrets: (recipe: ReadRecipe) => RecipeSecrets
  readonly http: GuardedHttp
  /** Product and version, for the receiver's log. */
  readonly userAgent: string
}

interface Waiting {
  readonly delivery: Delivery
  readonly signal: AbortSignal
  readonly answer: (answer: Answer) => void
}

interface Lane {
  readonly destination: DestinationDocument
  readonly recipe: ReadRecipe
  waiting: Waiting[]
  timer: NodeJS.Timeout | undefined
}

export function createRecipeSender({ secrets, http, userAgent }: RecipeSenderOptions): Sender {
  /** By document: another revision of it is another lane. */
  const lanes = new WeakMap<DestinationDocument, Lane>()

  function laneOf(destination: DestinationDocument): Lane | undefined {
    const known = lanes.get(destination)
    if (known) return known
    const recipe = destination.recipe && readRecipe(destination.recipe).read
    if (!recipe) return undefined
    const lane: Lane = { destination, recipe, waiting: [], timer: undefined }
    lanes.set(destination, lane)
    return lane
  }

  function flush(lane: Lane): void {
    clearTimeout(lane.timer)
    lane.timer = undefined
    const items = lane.waiting
    lane.waiting = []
    void sendItems(lane, items)
  }

  /** B1, B2. Settles each of them. */
  async function sendItems(lane: Lane, items: readonly Waiting[]): Promise<void> {
    const answer = await request(lane, items).catch((error: unknown) =>
      failure('URL_INVALID', `the recipe cannot be filled in: ${(error as Error).message}`),
    )
    const aborted = items.some(({ signal }) => signal.aborted)
    if (items.length > 1 && !aborted && classify(answer).verdict === 'item') {
      const middle = Math.ceil(items.length / 2)
      await sendItems(lane, items.slice(0, middle))
      await sendItems(lane, items.slice(middle))
      return
    }
    for (const item of items) item.answer(answer)
  }

  async function request({ destination, recipe }: Lane, items: readonly Waiting[]): Promise<Answer> {
    const read = secrets(recipe)
    if ('problem' in read) return failure('URL_INVALID', read.problem.message)
    const { compiled, param } = recipe
    const given = { param, secret: read.secret }
    const filled = items.map(({ delivery }) => compiled.item(itemOf(delivery), param))
    const answer = await http.call({
      destination: destination.id,
      method: compiled.method,
      url: compiled.url(given),
      headers: { 'content-type': 'application/json', 'user-agent': userAgent, ...compiled.headers(given) },
      body: JSON.stringify(compiled.body(filled, param)),
      allowPrivate: destination.recipe?.allowPrivateAddresses === true,
      timeoutMs: destination.recipe?.timeoutMs ?? TIMEOUT_MS,
      signal: AbortSignal.any(items.map(({ signal }) => signal)),
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
      return new Promise((answer) => {
        lane.waiting.push({ delivery, signal, answer })
        if (lane.waiting.length >= lane.recipe.compiled.batch) flush(lane)
        else
          lane.timer ??= setTimeout(() => {
            flush(lane)
          }, LINGER_MS)
      })
    },
  }
}

function itemOf({ id, type, profileId, version, body }: Delivery) {
  const { timestamp, data } = parseExact(body) as { timestamp: string; data: Json }
  return { id, type, time: timestamp, profileId, version, data }
}
