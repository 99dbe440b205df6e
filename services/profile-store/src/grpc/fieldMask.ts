/** Which fields of a profile an answer has. */
import { type Profile } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'

/** Field of the proto → name in the answer. */
const FIELDS = {
  profile_id: 'profileId',
  version: 'version',
  first_seen: 'firstSeen',
  last_seen: 'lastSeen',
  identifiers: 'identifiers',
  traits: 'traits',
  computed: 'computed',
  audiences: 'audiences',
  events: 'events',
  json: 'json',
} as const satisfies Record<string, keyof Profile>

/** Fields that may be asked for by a key within. */
const KEYED = new Set(['traits', 'computed', 'audiences'])
/** As many paths as a profile can have keys of all three. */
const MAX_PATHS = 1_000

export type FieldMask = (profile: Profile) => Profile

/** The mask; or what is wrong with it, to be told to the caller. */
export function readFieldMask(
  paths: readonly string[] | undefined,
): FieldMask | { readonly problem: string } {
  if (!paths || paths.length === 0) return (profile) => profile
  if (paths.length > MAX_PATHS)
    return { problem: `${paths.length} paths in the field mask; at most ${MAX_PATHS}` }
  const whole = new Set<string>()
  const keys = new Map<string, Set<string>>()
  for (const path of paths) {
    const dot = path.indexOf('.')
    const field = dot < 0 ? path : path.slice(0, dot)
    const known = Object.hasOwn(FIELDS, field) && (dot < 0 || (KEYED.has(field) && dot < path.length - 1))
    if (!known)
      return {
        problem: `"${path.slice(0, 64)}" is no field of a profile; there are ${Object.keys(FIELDS).join(', ')}, and traits, computed and audiences with a dot and a key`,
      }
    if (dot < 0) whole.add(field)
    else keys.set(field, (keys.get(field) ?? new Set()).add(path.slice(dot + 1)))
  }
  return (profile) => {
    const masked: Record<string, unknown> = { ...EMPTY }
    for (const [field, name] of Object.entries(FIELDS)) {
      if (whole.has(field)) masked[name] = profile[name]
      else if (keys.has(field)) masked[name] = pick(profile[name] as object | undefined, keys.get(field)!)
    }
    return masked as unknown as Profile
  }
}

const EMPTY: Profile = {
  profileId: '',
  version: '',
  firstSeen: undefined,
  lastSeen: undefined,
  identifiers: [],
  traits: undefined,
  computed: undefined,
  audiences: {},
  events: 0,
  json: '',
}

function pick(from: object | undefined, keys: ReadonlySet<string>): object {
  return Object.fromEntries(Object.entries(from ?? {}).filter(([key]) => keys.has(key)))
}
