/**
 * What a change of the identity rules does to a rebuild: the events and facts of the epoch that is left are identified
 * anew, as if they had come under the rules of the new one.
 *
 *  I1. An event that was accepted under the rules of the new epoch, and its region, is taken as it is.
 *  I2. Values that the rules block are kept: what they anchor is filed by the job there always is, and can be opened again.
 *  I3. A fact names the same values under their new ids. Where it was given by id alone the log knows the value; what the
 *      log does not know keeps its id. A deleted row's erasure gets the id it has under the new anchor (erasure.ts, R2).
 */
import { type StoredEvents } from '@tributary/clickhouse-log'
import {
  type LoggedRevision,
  buildWorkspace,
  revisionBefore,
  type WorkspaceConfiguration,
} from '@tributary/configuration'
import { eventTypeName, textDigest } from '@tributary/contracts'
import { type Event } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Fact, type FactSubject } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  type HashIdentifier,
  type PreparedRules,
  erasureFactId,
  identifierOfType,
  identifyAgain,
  isRowErasure,
  prepareRules,
} from '@tributary/domain'
import { digest } from '@tributary/sources'

/** Ids that the log is asked for at once. */
const ASKED_AT_ONCE = 500

export interface FactAsGiven {
  readonly fact: Fact
  readonly subjects: readonly FactSubject[]
}

export interface OtherRules {
  /** Undefined when nothing that is left was read under other rules (I1). */
  readonly identified: ((event: Event) => Event) | undefined
  /** The same facts, in order, under the new ids. */
  facts(given: readonly FactAsGiven[]): Promise<Fact[]>
}

export interface RulesPorts {
  /** Asked for only when identifiers change. */
  readonly hashIdentifier: () => HashIdentifier
  readonly phone: (value: string, region: string | undefined) => string | undefined
  readonly stored: Pick<StoredEvents, 'valuesOf' | 'erasures'>
}

/** `held`: the revision in force for epoch `to`; undefined: there is none. */
export function otherRules(
  revisions: readonly LoggedRevision[],
  held: LoggedRevision | undefined,
  to: number,
  ports: RulesPorts,
): OtherRules {
  const left = revisionBefore(revisions, to)
  const now = held && buildWorkspace(held.revision)
  const before = left && buildWorkspace(left.revision)
  if (!now || !before || sameAnchors(before, now))
    return { identified: undefined, facts: (given) => Promise.resolve(given.map(({ fact }) => fact)) }

  const { region } = now.workspace
  const sameRegion = region === before.workspace.region
  const rules = prepareRules(
    // I2
    { ...now.identityRules, blocked: [] },
    { hashIdentifier: ports.hashIdentifier(), phone: (value) => ports.phone(value, region) },
  )
  const identified = (event: Event): Event =>
    sameRegion && event.identityRules === rules.hash ? event : eventUnder(rules, event)
  return { identified, facts: (given) => factsUnder(rules, given, identified, ports.stored) }
}

function sameAnchors(before: WorkspaceConfiguration, now: WorkspaceConfiguration): boolean {
  return (
    before.identityRules.hash === now.identityRules.hash && before.workspace.region === now.workspace.region
  )
}

function eventUnder(rules: PreparedRules, event: Event): Event {
  const { previous: _, ...rest } = event
  const { anchor, identifiers, previous } = identifyAgain(
    {
      type: eventTypeName(event.type, 'track'),
      sourceId: event.sourceId,
      messageId: event.messageId,
      text: Buffer.from(event.payload ?? event.raw).toString(),
    },
    rules,
    digest,
  )
  return {
    ...rest,
    anchor,
    identifiers: [...identifiers],
    ...(previous && { previous }),
    identityRules: rules.hash,
  }
}

/** I3. */
async function factsUnder(
  rules: PreparedRules,
  given: readonly FactAsGiven[],
  identified: (event: Event) => Event,
  stored: RulesPorts['stored'],
): Promise<Fact[]> {
  const values = new Map<string, string>()
  for (const { subjects } of given)
    for (const { id, value } of subjects) if (value !== '') values.set(id, value)
  const unknown = [
    ...new Set(given.flatMap(({ fact }) => fact.members.map(({ id }) => id)).filter((id) => !values.has(id))),
  ]
  for (let from = 0; from < unknown.length; from += ASKED_AT_ONCE)
    // oxlint-disable-next-line no-await-in-loop -- one question after the other
    for (const [id, value] of await stored.valuesOf(unknown.slice(from, from + ASKED_AT_ONCE)))
      values.set(id, value)

  const renamed = new Map<string, string>()
  if (given.some(({ fact }) => isRowErasure(fact.id)))
    for await (const lot of stored.erasures())
      for (const { event } of lot) {
        const [before] = event.identifiers
        const [after] = identified(event).identifiers
        if (before && after)
          renamed.set(erasureFactId(event, before.id, textDigest), erasureFactId(event, after.id, textDigest))
      }
  return given.map(({ fact }) => ({
    ...fact,
    id: renamed.get(fact.id) ?? fact.id,
    members: distinct(
      fact.members.map(({ type, id }) => {
        const value = values.get(id)
        const found = value === undefined ? undefined : identifierOfType(value, type, rules, () => value)
        return { type, id: found?.id ?? id }
      }),
    ),
  }))
}

function distinct<T extends { readonly id: string }>(members: readonly T[]): T[] {
  return [...new Map(members.map((each) => [each.id, each])).values()]
}
