/**
 * A profile id names the identifier it is called after and that identifier's generation, so an old id always leads
 * on: read that identifier's assignment; an older generation means erased.
 */
export interface ProfileIdParts {
  identifierId: string
  generation: number
}

/** Id of the profile an identifier has by default. */
export function profileIdOf(identifierId: string, generation: number): string {
  return `${identifierId}-${generation}`
}

/** Undefined when the text is no profile id. */
export function parseProfileId(text: string): ProfileIdParts | undefined {
  const match = /^([0-9a-f]{32})-(0|[1-9][0-9]{0,8})$/.exec(text)
  return match ? { identifierId: match[1]!, generation: Number(match[2]) } : undefined
}

/** "0001-000000000012345678": compares as text like (epoch, n). */
export function versionOf(epoch: number, n: number): string {
  return `${String(epoch).padStart(4, '0')}-${String(n).padStart(18, '0')}`
}

/** Separates the parts of a composed key; no id may hold it. */
export const KEY_SEPARATOR = '|'
