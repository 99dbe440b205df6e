import { parseProfileId } from '@tributary/contracts'
import { CommandError } from './context.ts'

export type Reference =
  | { readonly kind: 'profile'; readonly profileId: string }
  | { readonly kind: 'identifier-id'; readonly id: string }
  | { readonly kind: 'identifier'; readonly type: string; readonly value: string }

/** "user_id:u1", a profile id, or an identifier id: 32 hexadecimal digits. */
export function parseReference(text: string): Reference {
  if (parseProfileId(text)) return { kind: 'profile', profileId: text }
  if (/^[0-9a-f]{32}$/.test(text)) return { kind: 'identifier-id', id: text }
  const match = /^([a-z][a-z0-9_]*):(.+)$/s.exec(text)
  if (match) return { kind: 'identifier', type: match[1]!, value: match[2]! }
  throw new CommandError(`"${text}" names nobody: write TYPE:VALUE, for example user_id:u1, or a profile id`)
}
