/**
 * What one watch has told, and what it tells next. Changes come from two sides: from a reading of its own, which goes
 * on where an earlier watch left off, and from the feed that all share. Partition by partition:
 *
 *      own reading ──it has reached what the feed has told──▶ feed
 *
 *  O1. Each change is told at most once by a watch, in the order of its partition, and none is left out.
 *  O2. A token says that everything below its offsets was told, up to and with the response that carries it.
 *  O3. What waits for the caller is bounded. One who does not keep up is told so; the log has what is left.
 */
import { status } from '@grpc/grpc-js'
import { type WatchResponse } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { Refusal } from '@tributary/service-kit'
import { type FollowedProfiles, MAX_FOLLOWED } from './followedProfiles.ts'
import { type ChangePlace, type ToldChange } from './readChange.ts'
import { writeWatchToken } from './watchToken.ts'

/** Changes that wait for one caller: with records of a few KB a few MB. */
const MAX_BEHIND = 1_000

/** Profile ids in tokens for each response, on average: about a kilobyte. */
const IDS_PER_RESPONSE = 32

export interface WatchOutletOptions {
  readonly followed: FollowedProfiles
  /** Next offset of each partition that has not been told. */
  readonly offsets: readonly number[]
  /** Of the feed. */
  readonly feed: () => readonly number[]
  /** Calls back when the response has gone on. */
  readonly write: (response: WatchResponse, gone: () => void) => void
  readonly end: (refusal: Refusal) => void
}

export class WatchOutlet {
  readonly #options: WatchOutletOptions
  readonly #offsets: number[]
  /** Partitions that come from the feed. */
  readonly #handedOver: boolean[]
  #behind = 0
  #sinceToken = Infinity
  #responses = 0
  #onGone = (): void => {}

  constructor(options: WatchOutletOptions) {
    this.#options = options
    this.#offsets = [...options.offsets]
    this.#handedOver = this.#offsets.map(() => false)
  }

  get behind(): number {
    return this.#behind
  }

  /** How many responses there have been. */
  get responses(): number {
    return this.#responses
  }

  /** Called after each response that has gone on. */
  onGone(listener: () => void): void {
    this.#onGone = listener
  }

  /** From the feed. */
  follow(change: ToldChange, place: ChangePlace): void {
    if (this.#handedOver[place.partition]) this.#take(change, place)
  }

  /** From the watch's own reading. */
  replay(change: ToldChange, place: ChangePlace): void {
    if (!this.#handedOver[place.partition]) this.#take(change, place)
  }

  /** Own reading has read so far. */
  passed(partition: number, offset: number): void {
    if (!this.#handedOver[partition]) this.#pass(partition, offset)
  }

  /** The partitions that own reading has still to read, and from where. */
  handOver(): { readonly partition: number; readonly offset: number }[] {
    const told = this.#options.feed()
    const left: { partition: number; offset: number }[] = []
    for (const [partition, offset] of this.#offsets.entries()) {
      if (this.#handedOver[partition]) continue
      if (offset >= (told[partition] ?? 0)) this.#handedOver[partition] = true
      else left.push({ partition, offset })
    }
    return left
  }

  /** Tells how far it is, without a change. */
  progress(): void {
    this.#sinceToken = Infinity
    this.#write({ profileId: '', version: '', type: '', json: '' })
  }

  #take(change: ToldChange, { partition, offset }: ChangePlace): void {
    // O1: handed over while own reading was ahead of the feed.
    if (offset < this.#offsets[partition]!) return
    this.#pass(partition, offset + 1)
    const { followed, end } = this.#options
    if (!followed.wants(change)) return
    if (followed.size > MAX_FOLLOWED)
      return end(
        new Refusal(
          status.RESOURCE_EXHAUSTED,
          `merges and splits have led to more than ${MAX_FOLLOWED} profiles; watch fewer, or all`,
        ),
      )
    if (this.#behind >= MAX_BEHIND)
      return end(
        new Refusal(
          status.RESOURCE_EXHAUSTED,
          `more than ${MAX_BEHIND} changes were waiting; watch again with the last resume_token`,
        ),
      )
    const { profileId, version, type, json } = change
    this.#write({ profileId, version, type, json })
  }

  #pass(partition: number, offset: number): void {
    this.#offsets[partition] = Math.max(offset, this.#offsets[partition]!)
  }

  #write(response: Omit<WatchResponse, 'resumeToken'>): void {
    this.#behind++
    this.#responses++
    this.#options.write({ ...response, resumeToken: this.#token() }, () => {
      this.#behind--
      this.#onGone()
    })
  }

  /** O2. */
  #token(): Buffer {
    const { followed, feed } = this.#options
    if (++this.#sinceToken * IDS_PER_RESPONSE < followed.size) return Buffer.alloc(0)
    this.#sinceToken = 0
    const told = feed()
    const offsets = this.#offsets.map((offset, partition) =>
      this.#handedOver[partition] ? Math.max(offset, told[partition] ?? 0) : offset,
    )
    return writeWatchToken({ offsets, profileIds: followed.ids })
  }
}
