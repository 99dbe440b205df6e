import { parseProfileId } from '@tributary/contracts'
import type {
  IdentifierRef,
  TypedValue,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  type EvidenceMember,
  type HashIdentifier,
  type IdentityRules,
  type NormalisePhone,
  type ReadIdentityRows,
  createIsPlaceholder,
  normaliseIdentifier,
} from '@tributary/domain'

/** How values become identifier ids, under the rules in force. */
export interface IdentifierReading {
  readonly rules: IdentityRules
  readonly hash: HashIdentifier
  readonly phone: NormalisePhone
}

/** Who a caller asks about. */
export interface Asked {
  /** Type empty when it has never been seen and the caller gave an id only. */
  readonly member: EvidenceMember
  /** As the caller wrote it, to be shown to that caller only: never logged. */
  readonly name: string | undefined
  /** Normalised, when the caller gave one. */
  readonly value: string | undefined
  /** The generation of the profile id asked for, if it was one. */
  readonly generation: number | undefined
}

/** The problem is a sentence that does not repeat the value. */
export type ReadRef = { readonly asked: Asked } | { readonly problem: string }

export function readRef(
  ref: IdentifierRef | undefined,
  reading: IdentifierReading,
  rows: ReadIdentityRows,
): ReadRef {
  const said = ref?.ref
  switch (said?.$case) {
    case 'identifier':
      return readTypedValue(said.value, reading)
    case 'identifierId':
      return /^[0-9a-f]{32}$/.test(said.value)
        ? {
            asked: {
              member: knownMember(said.value, rows),
              name: undefined,
              value: undefined,
              generation: undefined,
            },
          }
        : { problem: 'an identifier id is 32 lower-case hexadecimal digits' }
    case 'profileId': {
      const parts = parseProfileId(said.value)
      if (!parts) return { problem: 'a profile id is 32 hexadecimal digits, a dash and a number' }
      const member = knownMember(parts.identifierId, rows)
      return { asked: { member, name: undefined, value: undefined, generation: parts.generation } }
    }
    case undefined:
      return { problem: 'give an identifier, an identifier id or a profile id' }
  }
}

/** A blocked value is still asked about; a placeholder is nobody. */
function readTypedValue({ type, value }: TypedValue, reading: IdentifierReading): ReadRef {
  const rule = reading.rules.types.find((each) => each.type === type)
  if (!rule) {
    const known = reading.rules.types.map((each) => each.type).join(', ')
    return { problem: `no identifier type has that name; there are ${known}` }
  }
  const isPlaceholder = createIsPlaceholder(reading.rules.placeholders)
  if (isPlaceholder(value)) return { problem: `the value is a placeholder, so no ${type}` }
  const normalised = normaliseIdentifier(rule.normaliser, value, reading.phone)
  if ('failure' in normalised) return { problem: `the value is no ${type} (${normalised.failure})` }
  const id = reading.hash(type, rule.normaliserVersion, normalised.value)
  return {
    asked: {
      member: { type, id },
      name: `${type} ${normalised.value}`,
      value: normalised.value,
      generation: undefined,
    },
  }
}

function knownMember(id: string, rows: ReadIdentityRows): EvidenceMember {
  return { type: rows.identifiers.get(id)?.type ?? '', id }
}
