import { type DestinationDocument, readRecipe } from '@tributary/configuration'

export interface Limits {
  /** Deliveries a second. */
  readonly perSecond: number
  /** Deliveries under way at once. */
  readonly concurrent: number
}

/** Calls of other people's services. */
const CALLS_PER_SECOND = 50
const CALLS_AT_ONCE = 8
/** Records of a Kafka topic: they go together in a transaction, some tens of milliseconds each. */
const RECORDS_PER_SECOND = 5_000
const RECORDS_AT_ONCE = 500
/** Rows of a table: some hundred together in a statement. */
const ROWS_PER_SECOND = 2_000
const ROWS_AT_ONCE = 500
/** Files under way at once: each is held in memory whole. */
const FILES_AT_ONCE = 4
/** Requests of a recipe under way at once: each holds a whole batch. */
const BATCHES_AT_ONCE = 2

const known = new WeakMap<DestinationDocument, Limits>()

/** As the Destination document says, or when it says nothing what its kind can usually take. */
export function limitsOf(destination: DestinationDocument): Limits {
  let limits = known.get(destination)
  if (!limits) known.set(destination, (limits = read(destination)))
  return limits
}

function read({ recipe, kafka, postgres, s3, maxPerSecond, maxConcurrent }: DestinationDocument): Limits {
  if (kafka)
    return {
      perSecond: maxPerSecond ?? RECORDS_PER_SECOND,
      concurrent: maxConcurrent ?? RECORDS_AT_ONCE,
    }
  if (postgres)
    return { perSecond: maxPerSecond ?? ROWS_PER_SECOND, concurrent: maxConcurrent ?? ROWS_AT_ONCE }
  if (s3) return { perSecond: maxPerSecond ?? CALLS_PER_SECOND, concurrent: maxConcurrent ?? FILES_AT_ONCE }
  const batch = (recipe && readRecipe(recipe).read?.compiled.batch) ?? 1
  const atOnce = batch > 1 ? BATCHES_AT_ONCE * batch : CALLS_AT_ONCE
  return { perSecond: maxPerSecond ?? CALLS_PER_SECOND * batch, concurrent: maxConcurrent ?? atOnce }
}
