/** The configuration as one process knows it: every revision, in order, but later than others. */
import type { AdoptedConfiguration, ConfigurationFeed } from '@tributary/stream-runtime'
import type { Random } from '../demo/random.ts'
import type { ShopWorkspace } from './shopWorkspaces.ts'
import type { SimulatedProcess } from './simulatedProcess.ts'

export type ShopConfiguration = AdoptedConfiguration<ShopWorkspace>

/** The config topic of a world. */
export class Revisions {
  readonly all: ShopConfiguration[] = []
  readonly #listeners = new Set<(revision: ShopConfiguration) => void>()

  get newest(): ShopConfiguration {
    return this.all.at(-1)!
  }

  append(value: ShopWorkspace): ShopConfiguration {
    const revision = { offset: this.all.length * 2, revision: this.all.length + 1, value }
    this.all.push(revision)
    for (const listener of this.#listeners) listener(revision)
    return revision
  }

  follow(listener: (revision: ShopConfiguration) => void): void {
    this.#listeners.add(listener)
  }
}

/** Knows at the start what was there at the start, as a process that has read the topic to its end. */
export class SimulatedFeed implements ConfigurationFeed<ShopWorkspace> {
  readonly #held: ShopConfiguration[]
  readonly #listeners = new Set<(revision: ShopConfiguration) => void>()

  constructor(revisions: Revisions, process: SimulatedProcess, random: Random) {
    this.#held = [...revisions.all]
    const unread: ShopConfiguration[] = []
    revisions.follow((revision) => {
      unread.push(revision)
      process.after(random.between(1, random.chance(0.3) ? 2_000 : 100), () => {
        // Whoever wakes first reads the next one: order is kept.
        const next = unread.shift()!
        this.#held.push(next)
        for (const listener of this.#listeners) listener(next)
      })
    })
  }

  current(): ShopConfiguration | undefined {
    return this.#held.at(-1)
  }

  at(offset: number): ShopConfiguration | undefined {
    return this.#held.findLast((each) => each.offset <= offset)
  }

  onChange(listener: (revision: ShopConfiguration) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** One part of each revision. */
export function feedOf<C>(
  feed: ConfigurationFeed<ShopWorkspace>,
  part: (shop: ShopWorkspace) => C,
): ConfigurationFeed<C> {
  const of = ({ offset, revision, value }: ShopConfiguration) => ({ offset, revision, value: part(value) })
  return {
    current() {
      const held = feed.current()
      return held && of(held)
    },
    at(offset) {
      const held = feed.at(offset)
      return held && of(held)
    },
    onChange: (listener) => feed.onChange((held) => listener(of(held))),
  }
}
