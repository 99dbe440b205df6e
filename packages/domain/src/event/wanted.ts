/** Which members of an event anybody asks for: the keys on the way to them, as a tree. */
import { type JsonObject } from './json.ts'
import { type Path } from './path.ts'

export interface WantedMember {
  readonly key: string
  /** What is wanted of an object that stands here; undefined: all of it, or only that it is one. */
  readonly below: Wanted | undefined
  /** Of an object that stands here nobody asks what is in it. */
  readonly kindAlone: boolean
}

export interface Wanted {
  /** The member whose key lies in these bytes, unescaped. */
  find(bytes: Uint8Array, start: number, end: number): WantedMember | undefined
  /** An object with every wanted key and no value yet, so that all of them have one shape. */
  template(): JsonObject
}

/** A tree while it grows: the keys below, or `whole`. */
interface Grown {
  whole: boolean
  readonly below: Map<string, Grown>
}

const grown = (): Grown => ({ whole: false, below: new Map() })

/**
 * `paths` are wanted whole, whatever stands there; of `kinds` only whether they are an object. An array on the way to a
 * path is wanted whole as well: its elements have no keys.
 */
export function wantedMembers(paths: readonly Path[], kinds: readonly Path[]): Wanted {
  const root = grown()
  const at = (path: Path): Grown => {
    let node = root
    for (const key of path) {
      let next = node.below.get(key)
      if (!next) node.below.set(key, (next = grown()))
      node = next
    }
    return node
  }
  for (const path of paths) at(path).whole = true
  for (const path of kinds) at(path)
  return prepared(root)
}

const encoder = new TextEncoder()

interface Candidate {
  readonly bytes: Uint8Array
  readonly member: WantedMember
}

function prepared(node: Grown): Wanted {
  /** By the length of the key, bytes. */
  const byLength: (Candidate[] | undefined)[] = []
  const empty: JsonObject = {}
  for (const [key, { whole, below }] of node.below) {
    const bytes = encoder.encode(key)
    const member: WantedMember = {
      key,
      below: whole || below.size === 0 ? undefined : prepared({ whole, below }),
      kindAlone: !whole,
    }
    ;(byLength[bytes.length] ??= []).push({ bytes, member })
    // Undefined is what a member has that is not there, for everyone who asks.
    Object.defineProperty(empty, key, {
      value: undefined,
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  const longest = byLength.length - 1
  return {
    find(bytes, start, end) {
      const length = end - start
      if (length > longest) return undefined
      const candidates = byLength[length]
      if (candidates === undefined) return undefined
      for (const { bytes: key, member } of candidates) if (isAt(key, bytes, start)) return member
      return undefined
    },
    template: () => ({ ...empty }),
  }
}

function isAt(key: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < key.length; i++) if (bytes[start + i] !== key[i]) return false
  return true
}
