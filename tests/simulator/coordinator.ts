/**
 * Consumer groups of a simulated world: members that are confirmed while they live, forgotten when they are silent for
 * too long, and assigned anew at any time. A member hears of it when it hears of it; until then it goes on.
 */
import type { Clock, Membership, MembershipOptions } from '@tributary/stream-runtime'
import { type PartitionCounts, partitionsOf } from '@tributary/contracts'
import type { Random } from '../demo/random.ts'
import type { SimulatedProcess } from './simulatedProcess.ts'

interface Member {
  readonly options: MembershipOptions
  readonly process: SimulatedProcess
  confirmedAtMs: number
  /** Not in the group: it never was, was forgotten, or has left. */
  out: boolean
  left: boolean
}

/** A silent member is forgotten after so long, ms. */
const SESSION_MS = 2_000
const BEAT_MS = 500

export class Coordinator {
  /** What members have told of how far they are, by group, topic and partition. */
  readonly toldOffsets = new Map<string, number>()
  readonly #groups = new Map<string, { members: Member[]; generation: number }>()
  readonly #clock: Clock
  readonly #random: Random
  readonly #counts: PartitionCounts
  readonly #trace: ((line: string) => void) | undefined

  constructor(options: {
    readonly clock: Clock
    readonly random: Random
    readonly counts: PartitionCounts
    readonly trace?: ((line: string) => void) | undefined
  }) {
    this.#clock = options.clock
    this.#random = options.random
    this.#counts = options.counts
    this.#trace = options.trace
  }

  get groups(): readonly string[] {
    return [...this.#groups.keys()]
  }

  async join(options: MembershipOptions, process: SimulatedProcess): Promise<Membership> {
    await process.clock.sleep(this.#random.between(1, 50))
    let group = this.#groups.get(options.group)
    if (!group) this.#groups.set(options.group, (group = { members: [], generation: 0 }))
    const member: Member = {
      options,
      process,
      confirmedAtMs: this.#clock.now(),
      out: false,
      left: false,
    }
    group.members.push(member)
    this.rebalance(options.group)
    return {
      commitForTools: async (positions) => {
        if (member.out) throw new Error('no member')
        for (const { topic, partition, offset } of positions)
          this.toldOffsets.set(`${options.group}/${topic.name}/${partition}`, offset)
      },
      confirmedAtMs: () => (member.out ? -Infinity : member.confirmedAtMs),
      leave: async () => {
        member.left = member.out = true
        this.rebalance(options.group)
      },
    }
  }

  /** Called again and again: sessions live and end. */
  beat(): void {
    for (const [name, { members }] of this.#groups) {
      let changed = false
      for (const member of members) {
        const silent = member.process.isDead || member.process.isStalled
        if (member.left) continue
        if (!silent) {
          member.confirmedAtMs = this.#clock.now()
          if (member.out) changed = true
          member.out = false
        } else if (!member.out && this.#clock.now() - member.confirmedAtMs > SESSION_MS) {
          member.out = true
          changed = true
        }
      }
      if (changed) this.rebalance(name)
    }
  }

  /** Shares the partitions among who is in, at random: there and back, with whatever they had kept. */
  rebalance(name: string): void {
    const group = this.#groups.get(name)
    if (!group) return
    group.members = group.members.filter((member) => !member.left && !(member.out && member.process.isDead))
    const members = group.members.filter((member) => !member.out)
    const generation = ++group.generation
    const shares = new Map<Member, number[]>(members.map((member) => [member, []]))
    const topic = members[0]?.options.topics[0]
    const count = topic ? partitionsOf(topic, this.#counts) : 0
    for (let partition = 0; partition < count; partition++)
      shares.get(this.#random.pick(members))!.push(partition)
    this.#trace?.(
      `${name}: ${[...shares].map(([{ process }, mine]) => `${process.name}=[${mine.join()}]`).join(' ')}`,
    )
    for (const [member, mine] of shares)
      member.process.after(this.#random.between(1, 250), () => {
        if (group.generation !== generation || member.left) return
        member.confirmedAtMs = this.#clock.now()
        member.options.onAssigned(mine)
      })
  }

  async run(running: () => boolean): Promise<void> {
    while (running()) {
      await this.#clock.sleep(BEAT_MS)
      this.beat()
    }
  }
}
