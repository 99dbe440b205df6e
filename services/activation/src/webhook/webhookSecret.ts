/**
 * Secrets of a webhook, from files that a document names. Read again now and then, so that a rotation or a secret
 * that is mounted late needs no restart.
 */
import type { DestinationDocument } from '@tributary/configuration'
import { loadSecretFile } from '@tributary/service-kit'
import { decodeSecret } from './signature.ts'

/** Five seconds: soon enough for people, and no file is read for every call. */
const REREAD_MS = 5_000

export type Secrets =
  | { readonly keys: readonly Uint8Array[] }
  | { readonly problem: { readonly code: string; readonly message: string } }

export interface WebhookSecrets {
  of(destination: DestinationDocument): Secrets
}

export function createWebhookSecrets(dir: string | undefined, clock: () => number): WebhookSecrets {
  const held = new Map<string, { readonly secrets: Secrets; readonly untilMs: number }>()

  function read(files: readonly string[]): Secrets {
    try {
      return { keys: files.map((file) => decodeSecret(loadSecretFile(dir, file))) }
    } catch (error) {
      const code = (error as { code?: string }).code ?? 'SECRET_INVALID'
      return { problem: { code, message: error instanceof Error ? error.message : String(error) } }
    }
  }

  return {
    of(destination) {
      const given = destination.webhook?.signingSecret ?? []
      const files = ('file' in given ? [given] : given).map((secret) => secret.file)
      const name = files.join('\0')
      const known = held.get(name)
      if (known && known.untilMs > clock()) return known.secrets
      const secrets = read(files)
      held.set(name, { secrets, untilMs: clock() + REREAD_MS })
      return secrets
    },
  }
}
