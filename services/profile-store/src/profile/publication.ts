/** The public records of one change of one profile. */
import {
  type AudienceChangeRecord,
  type AudienceMembershipRecord,
  type ChangeReason,
  KEY_SEPARATOR,
  type ProfileChangeRecord,
  type PublicIdentifier,
  type TopicSpec,
  changeTypes,
  cloudEventHeaders,
  cloudEventId,
  topics,
  traceHeaders,
  versionOf,
} from '@tributary/contracts'
import { ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { type ProfileRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import {
  type JsonObject,
  type Json as DomainJson,
  canonicalJsonText,
  isoTime,
  publicDiff,
} from '@tributary/domain'
import { type Definitions } from './definitions.ts'
import { type Flip } from './judgeInForce.ts'
import { keepMember } from './members.ts'
import { type PublishInput } from './publishProfile.ts'
import { counterRows, emptyCounters } from './profileRows.ts'
import { isSilent } from './takeOver.ts'

export interface Publication extends PublishInput {
  /** As it is before the change. */
  readonly row: ProfileRow
  /** What it has was folded before anything of it was public (takeOver.ts): the change names only a part of it, or nothing. */
  readonly judgedInSilence: boolean
}

/** What the row has to remember of what was told. */
export type Told = Pick<ProfileRow, 'version' | 'publicJson' | 'mergedInto'>

/** Every record names the service, so that ids are unique per source as CloudEvents asks. */
const SOURCE = '/tributary/profile-store'

export function reasonOf({ occasion, changed }: PublishInput): ChangeReason {
  if (changed.erased) return 'erasure'
  if (changed.change) return 'identity'
  return occasion === 'parts' ? 'event' : occasion
}

/** Time of the change: that of the newest input, never before the last change of the partition. */
export function timeOf({ context, nowMs }: PublishInput): number {
  return Math.max(nowMs, context.table(counterRows).get('counters')?.clockMs ?? 0)
}

/** Tells of a profile that is alive; nothing when nothing public changed. */
export function tellProfile(
  publication: Publication,
  {
    before,
    after,
    flips,
    definitions,
  }: {
    before: JsonObject | undefined
    after: JsonObject
    flips: readonly Flip[]
    definitions: Definitions
  },
): Partial<Told> {
  const { changed } = publication
  const diff = publicDiff(before, after)
  const mergedFrom = [...changed.mergedFrom].sort()
  if (before && !diff.worthTelling && mergedFrom.length === 0) return {}
  const numbered = nextChange(publication)
  tellChange(publication, numbered, typeOf(before, diff.changed, changed.splitFrom), {
    op: before ? 'u' : 'c',
    changed: [...diff.changed],
    before: diff.before,
    after: diff.after,
    identifiers: identifierDiff(before, after),
    mergedFrom,
    ...(changed.splitFrom !== undefined && { splitFrom: changed.splitFrom }),
    rules: definitions.rulesOf(diff.changed),
  })
  const publicJson = canonicalJsonText({ ...after, version: numbered.version })
  tellState(publication, numbered, publicJson)
  tellFlips(publication, numbered, flips)
  return { version: numbered.version, publicJson, mergedInto: '' }
}

/** Whoever keeps consents reads one type: it goes before `updated` when something else changed as well. */
function typeOf(
  before: JsonObject | undefined,
  changed: readonly string[],
  splitFrom: string | undefined,
): string {
  if (!before) return splitFrom === undefined ? changeTypes.profileCreated : changeTypes.profileSplit
  const isConsent = changed.some((path) => path.startsWith('consent.'))
  return isConsent ? changeTypes.consentChanged : changeTypes.profileUpdated
}

/** Tells that a profile is part of another one now, or of yet another. */
export function tellMerged(publication: Publication, mergedInto: string, flips: readonly Flip[]): Told {
  const { profileId } = publication
  const numbered = nextChange(publication)
  tellChange(publication, numbered, changeTypes.profileMerged, { ...nothingLeft(), mergedInto })
  tellState(publication, numbered, canonicalJsonText({ profileId, version: numbered.version, mergedInto }))
  tellFlips(publication, numbered, flips)
  return { version: numbered.version, publicJson: '', mergedInto }
}

/** Tells that a profile was erased. */
export function tellGone(publication: Publication, flips: readonly Flip[]): Told {
  const numbered = nextChange(publication)
  tellChange(publication, numbered, changeTypes.profileErased, nothingLeft())
  tellState(publication, numbered, null)
  tellFlips(publication, numbered, flips)
  return { version: numbered.version, publicJson: '', mergedInto: '' }
}

function nothingLeft() {
  return {
    op: 'd' as const,
    changed: [],
    before: {},
    after: {},
    identifiers: { added: [], removed: [] },
    mergedFrom: [],
    rules: {},
  }
}

interface Numbered {
  readonly version: string
  readonly time: string
}

function nextChange(publication: Publication): Numbered {
  const { context } = publication
  const counters = context.table(counterRows)
  const now = counters.get('counters') ?? emptyCounters
  const clockMs = timeOf(publication)
  const changes = isSilent(context) ? 0 : now.changes + 1
  counters.put('counters', { ...now, changes, clockMs })
  return { version: versionOf(context.epoch, changes), time: isoTime(clockMs) }
}

type ChangeBody = Omit<
  ProfileChangeRecord,
  'profileId' | 'version' | 'previousVersion' | 'time' | 'causedBy' | 'before' | 'after'
> & { before: JsonObject; after: JsonObject }

function tellChange(publication: Publication, numbered: Numbered, type: string, body: ChangeBody): void {
  const { profileId, row, changed, observations } = publication
  const { mergedInto, splitFrom } = body
  // Its keys in order: canonicalJsonText is quick then.
  const record: ProfileChangeRecord = {
    after: body.after,
    before: body.before,
    causedBy: {
      ...(changed.change && { changeId: changed.change.id }),
      ...causes(publication),
      reason: reasonOf(publication),
    },
    changed: body.changed,
    identifiers: body.identifiers,
    mergedFrom: body.mergedFrom,
    ...(mergedInto !== undefined && { mergedInto }),
    op: body.op,
    previousVersion: row.version === '' ? null : row.version,
    profileId,
    rules: body.rules,
    ...(splitFrom !== undefined && { splitFrom }),
    time: numbered.time,
    version: numbered.version,
  }
  const json = canonicalJsonText(record as unknown as DomainJson)
  observations.changes.push(type)
  send(publication, numbered, { topic: topics.profileChanges, key: profileId, type, json })
}

function tellState(publication: Publication, numbered: Numbered, json: string | null): void {
  const key = publication.profileId
  send(publication, numbered, { topic: topics.profiles, key, type: changeTypes.profileState, json })
}

function tellFlips(publication: Publication, { version, time }: Numbered, flips: readonly Flip[]): void {
  const { context, profileId, observations } = publication
  for (const flip of flips) {
    const { audience, member, hash, reason, because, revision, late } = flip
    keepMember(context, profileId, flip, Date.parse(time))
    const rules = { [`audience/${audience}`]: hash }
    const why = {
      reason,
      because,
      ...(revision !== undefined && { revision }),
      watermark: isoTime(publication.nowMs),
    }
    const membership: AudienceMembershipRecord = {
      audience,
      profileId,
      member,
      since: time,
      version,
      rules,
      ...why,
    }
    send(
      publication,
      { version, time },
      {
        topic: topics.audienceMemberships,
        key: `${audience}${KEY_SEPARATOR}${profileId}`,
        type: changeTypes.audienceMembership,
        json: canonicalJsonText(membership as unknown as DomainJson),
      },
    )
    const correction = late === true || isTakenBack(publication)
    const change: AudienceChangeRecord = {
      audience,
      profileId,
      change: changeOf(flip),
      ...(correction && { correction }),
      version,
      time,
      causedBy: causes(publication),
      rules,
      ...why,
    }
    send(
      publication,
      { version, time },
      {
        topic: topics.audienceChanges,
        key: profileId,
        type: correction ? changeTypes.audienceCorrected : flipTypes[change.change],
        json: canonicalJsonText(change as unknown as DomainJson),
      },
    )
    if (member) observations.entered++
    else observations.left++
  }
}

/** The person of a profile that was merged is in the audience still, under another id, or was judged there. */
function changeOf({ member, reason }: Flip): 'entered' | 'left' | 'merged' {
  if (member) return 'entered'
  return reason === 'merged' ? 'merged' : 'left'
}

const flipTypes = {
  entered: changeTypes.audienceEntered,
  left: changeTypes.audienceLeft,
  merged: changeTypes.audienceMerged,
  corrected: changeTypes.audienceCorrected,
} as const satisfies Record<AudienceChangeRecord['change'], string>

/** What a join had brought about, and its undoing takes back: whoever acted on it may want to make it good. */
function isTakenBack({ changed }: Publication): boolean {
  return changed.change?.kind === ChangeKind.CHANGE_KIND_SPLIT
}

function send(
  publication: Publication,
  { time }: Numbered,
  { topic, key, type, json }: { topic: TopicSpec; key: string; type: string; json: string | null },
): void {
  const { context, profileId } = publication
  if (isSilent(context)) return
  // Input and output are co-partitioned by profile id: the task's own partition is the profile's.
  const id = cloudEventId(
    context.epoch,
    topic.name,
    context.partition,
    context.nextSeq(topic, context.partition),
  )
  context.send({
    topic,
    partition: context.partition,
    key,
    value: json === null ? null : Buffer.from(json),
    headers: {
      ...cloudEventHeaders({ id, type, source: SOURCE, subject: profileId, time, ...origin(publication) }),
      ...traceHeaders(publication.changed.traces),
    },
  })
}

/** Of what events caused; what a definition or the time brought about has none. */
function origin(publication: Publication): { receivedTime?: string } {
  const { causes: events } = publication.changed
  if (events.length === 0 || reasonOf(publication) !== 'event') return {}
  return { receivedTime: isoTime(Math.min(...events.map(({ receivedTimeMs }) => receivedTimeMs))) }
}

function causes({ changed }: Publication): { messageIds: string[]; sources: string[] } {
  return {
    messageIds: [...new Set(changed.causes.map(({ messageId }) => messageId))],
    sources: [...new Set(changed.causes.map(({ sourceId }) => sourceId))].sort(),
  }
}

function identifierDiff(
  before: JsonObject | undefined,
  after: JsonObject,
): { added: PublicIdentifier[]; removed: PublicIdentifier[] } {
  const read = (profile: JsonObject | undefined) =>
    (profile?.['identifiers'] ?? []) as unknown as readonly PublicIdentifier[]
  const textOf = ({ type, value }: PublicIdentifier) => `${type}\n${value}`
  const [old, now] = [new Set(read(before).map(textOf)), new Set(read(after).map(textOf))]
  return {
    added: read(after).filter((each) => !old.has(textOf(each))),
    removed: read(before).filter((each) => !now.has(textOf(each))),
  }
}
