import { type Path } from './path.ts'
import { type Wanted, wantedMembers } from './wanted.ts'

/**
 * What a verdict on an event without a mapping asks for, beside its identifiers: see admitEvent.ts and, for the key, the
 * collector. What is asked for and missing here would look as if it had not been sent: a property test compares.
 */
const FIELDS: readonly Path[] = [
  ['type'],
  ['event'],
  ['name'],
  ['messageId'],
  ['timestamp'],
  ['originalTimestamp'],
  ['sentAt'],
  ['groupId'],
  ['previousId'],
  ['writeKey'],
]

/** Only whether they are objects. */
const OBJECTS: readonly Path[] = [['properties'], ['traits'], ['context']]

/** `identifiers`: where the rules look for them. */
export function wantedOfEvent(identifiers: readonly Path[]): Wanted {
  return wantedMembers([...FIELDS, ...identifiers], OBJECTS)
}
