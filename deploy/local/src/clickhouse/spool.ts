/** Request bodies on disk: inserts of any size pass through a file, so memory stays bounded by a few buffers. */
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export interface Spool {
  /** Writes `first` and what is left of the source to a file of its own; gives its path and its size. */
  write(
    first: Buffer,
    rest: AsyncIterable<Buffer>,
  ): Promise<{ path: string; bytes: number; remove(): Promise<void> }>
}

export async function openSpool(folder: string): Promise<Spool> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  let count = 0
  return {
    async write(first, rest) {
      const path = join(folder, `${++count}.body`)
      let bytes = first.length
      async function* all(): AsyncGenerator<Buffer> {
        if (first.length > 0) yield first
        for await (const chunk of rest) {
          bytes += chunk.length
          yield chunk
        }
      }
      const remove = () => rm(path, { force: true })
      try {
        await pipeline(Readable.from(all()), createWriteStream(path))
      } catch (error) {
        await remove()
        throw error
      }
      return { path, bytes, remove }
    },
  }
}
