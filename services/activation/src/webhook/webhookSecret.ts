/** Secrets of a webhook, from files that a document names. */
import type { DestinationDocument } from '@tributary/configuration'
import { loadSecretFile } from '@tributary/service-kit'
import { type SecretProblem, createHeldSecrets } from '../destination/heldSecrets.ts'
import { decodeSecret } from './signature.ts'

export type Secrets = { readonly keys: readonly Uint8Array[] } | SecretProblem

export interface WebhookSecrets {
  of(destination: DestinationDocument): Secrets
}

export function createWebhookSecrets(dir: string | undefined, clock: () => number): WebhookSecrets {
  const held = createHeldSecrets<Secrets>(clock)
  return {
    of(destination) {
      const given = destination.webhook?.signingSecret ?? []
      const files = ('file' in given ? [given] : given).map((secret) => secret.file)
      return held(files.join('\0'), () => ({
        keys: files.map((file) => decodeSecret(loadSecretFile(dir, file))),
      }))
    },
  }
}
