/** A bucket in memory; it can be away. */
import type { ObjectStore } from '../s3/objectStore.ts'

export interface MemoryObjects extends ObjectStore {
  readonly held: Map<string, Uint8Array>
  /** Thrown by what is asked while it is set. */
  fault: Error | undefined
}

export function createMemoryObjects(): MemoryObjects {
  const held = new Map<string, Uint8Array>()
  return {
    held,
    fault: undefined,
    async put({ bucket }, name, gzip) {
      if (this.fault) throw this.fault
      held.set(`${bucket}/${name}`, gzip)
    },
    close: () => undefined,
  }
}
