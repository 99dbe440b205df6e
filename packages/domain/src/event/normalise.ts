/**
 * One spelling per identifier. Each normaliser has a version (identityRules.ts) that is inside the identifier's
 * hash: what these functions give for any input must not change under the same number.
 */
import { type NormaliserName } from './identityRules.ts'

/** E.164 of a phone number as written, or undefined when it is none. Known to the service, which has the region. */
export type NormalisePhone = (value: string) => string | undefined

/** Longest identifier, UTF-16 units; longer ones are tokens or payloads, not names of a person. */
export const MAX_IDENTIFIER_LENGTH = 512

/** NUL, lone surrogates, and the sign that stands where bytes were no text: two such values could be one. */
const DAMAGED = /[\0\p{Surrogate}\uFFFD]/u
/** One @ with something on both sides and no white space. */
const EMAIL = /^[^\s@]+@[^\s@]+$/

export type NormaliseFailure = 'blank' | 'damaged' | 'too_long' | 'not_an_email' | 'not_a_phone'

export function normaliseIdentifier(
  name: NormaliserName,
  value: string,
  phone: NormalisePhone,
): { readonly value: string } | { readonly failure: NormaliseFailure } {
  const trimmed = value.trim()
  if (trimmed === '') return { failure: 'blank' }
  if (trimmed.length > MAX_IDENTIFIER_LENGTH) return { failure: 'too_long' }
  if (DAMAGED.test(trimmed)) return { failure: 'damaged' }
  if (name === 'trim') return { value: trimmed }
  if (name === 'email') {
    const email = trimmed.normalize('NFKC').toLowerCase().normalize('NFKC').trim()
    return EMAIL.test(email) ? { value: email } : { failure: 'not_an_email' }
  }
  const number = phone(trimmed)
  return number === undefined ? { failure: 'not_a_phone' } : { value: number }
}
