/**
 * What senders make of the secret files that documents name. Read again now and then, so that a rotation or a secret that
 * is mounted late needs no restart.
 */

/** Five seconds: soon enough for people, and no file is read for every call. */
const REREAD_MS = 5_000

/** Why there is none: a send is not tried without. */
export interface SecretProblem {
  readonly problem: { readonly code: string; readonly message: string }
}

export type HeldSecrets<T> = (files: string, read: () => T) => T | SecretProblem

/** `files`: names them all; `read` reads and checks them, and throws when one is missing or no good. */
export function createHeldSecrets<T>(clock: () => number): HeldSecrets<T> {
  const held = new Map<string, { readonly secrets: T | SecretProblem; readonly untilMs: number }>()
  return (files, read) => {
    const known = held.get(files)
    if (known && known.untilMs > clock()) return known.secrets
    const secrets = tried(read)
    held.set(files, { secrets, untilMs: clock() + REREAD_MS })
    return secrets
  }
}

function tried<T>(read: () => T): T | SecretProblem {
  try {
    return read()
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'SECRET_INVALID'
    return { problem: { code, message: error instanceof Error ? error.message : String(error) } }
  }
}
