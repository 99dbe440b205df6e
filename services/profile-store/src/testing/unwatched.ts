import { createMemoryLog } from '@tributary/stream-runtime/testing'
import { type ProfileServiceOptions } from '../grpc/profileService.ts'
import { createChangeFeed } from '../grpc/watch/changeFeed.ts'
import { Watchers } from '../grpc/watch/watchers.ts'

/** What a service needs for Watch, over a log in which nothing ever changes. */
export function unwatched(partitions = 2): Pick<ProfileServiceOptions, 'log' | 'watchers' | 'feed'> {
  const log = createMemoryLog({ partitions })
  const watchers = new Watchers()
  return { log, watchers, feed: createChangeFeed({ log, partitions, watchers }) }
}
