import { type ProfileName } from '../identityState.ts'

/** "u1-0" twice, as the two ends of an assignment. */
export function parseName(from: string, into: string): { from: ProfileName; into: ProfileName } {
  return { from: nameOf(from), into: nameOf(into) }
}

function nameOf(text: string): ProfileName {
  const dash = text.lastIndexOf('-')
  return { identifierId: text.slice(0, dash), generation: Number(text.slice(dash + 1)) }
}
