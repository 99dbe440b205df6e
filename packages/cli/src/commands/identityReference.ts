import type {
  IdentifierRef,
  ResolvedMember,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { parseReference } from '../reference.ts'

export function refOf(text: string): IdentifierRef {
  const reference = parseReference(text)
  switch (reference.kind) {
    case 'profile':
      return { ref: { $case: 'profileId', value: reference.profileId } }
    case 'identifier-id':
      return { ref: { $case: 'identifierId', value: reference.id } }
    case 'identifier':
      return { ref: { $case: 'identifier', value: { type: reference.type, value: reference.value } } }
  }
}

export function memberText(member: ResolvedMember): string {
  return `${member.type} (${member.identifierId.slice(0, 8)})`
}
