/**
 * The fragment tasks of a new layout epoch hear of every erasure before the first event is copied, in the order of their
 * own input; so what came to the new epoch meanwhile is kept, and what was received before an erasure never shows.
 *
 *  E1. The facts themselves are told when every task has heard: an assignment that came first would take it for new.
 *  E2. May be told again: a task that has been sent copies passes it over, and a known generation changes nothing.
 */
import { partitionOf, topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Fact, FactKind } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { ControlStep } from '@tributary/contracts/generated/tributary/job/v1/control'
import { readFacts } from './announceFacts.ts'
import { type RebuildWorld, goOn, nameIn } from './rebuildWorld.ts'
import { waitForFragments } from './waitForTasks.ts'

/** Erasures of one control record: some 100 kB. */
const TOLD_AT_ONCE = 1_000

interface ToldErasure {
  readonly id: string
  readonly type: string
  readonly generation: number
  readonly untilMs: number
}

/** Resolves when every task has heard (E1); at once when nobody was ever erased. */
export async function tellErasures(world: RebuildWorld): Promise<void> {
  const facts: Fact[] = []
  for await (const some of readFacts(world))
    facts.push(...some.filter(({ kind }) => kind === FactKind.FACT_KIND_ERASE))
  const erasures = erasuresOf(facts)
  if (erasures.length === 0) return
  const partitions = world.target.counts.identifier
  for (let partition = 0; partition < partitions; partition++) {
    goOn(world)
    const own = erasures.filter(({ id }) => partitionOf(id, partitions) === partition)
    for (let from = 0; from < own.length; from += TOLD_AT_ONCE)
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await send(world, partition, own.slice(from, from + TOLD_AT_ONCE))
  }
  await waitForFragments(world)
}

/** As declared() in packages/domain counts them: each fact is a generation. Pure. */
export function erasuresOf(facts: readonly Fact[]): ToldErasure[] {
  const byId = new Map<string, ToldErasure>()
  const once = new Map(facts.map((fact) => [fact.id, fact]))
  for (const { members, timeMs } of once.values())
    for (const { id, type } of members) {
      const known = byId.get(id)
      byId.set(id, {
        id,
        type,
        generation: (known?.generation ?? 0) + 1,
        untilMs: Math.max(known?.untilMs ?? -1, timeMs),
      })
    }
  return [...byId.values()]
}

async function send(world: RebuildWorld, partition: number, erasures: readonly ToldErasure[]): Promise<void> {
  const value = EventRecord.encode({
    record: {
      $case: 'control',
      value: {
        job: 0,
        document: `rebuild/${world.to}`,
        hash: '',
        configOffset: 0,
        step: ControlStep.CONTROL_STEP_ERASED,
        partitions: world.target.counts.identifier,
        definition: JSON.stringify(erasures),
      },
    },
  }).finish()
  const topic = nameIn(world, world.to, topics.events)
  await world.producer.send([{ topic, partition, key: null, value }])
}
