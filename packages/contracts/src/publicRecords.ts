/**
 * The values of the public topics, as JSON. Fields are only ever added within `.v1`.
 *
 * CloudEvents binary mode: headers ce_specversion, ce_id, ce_type, ce_source, ce_subject, ce_time, content-type; the
 * value is the data alone and is complete without the headers. All times are ISO-8601 in UTC with milliseconds.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export interface PublicIdentifier {
  type: string
  value: string
}

/** Value of profiles.v1 for a profile that lives. */
export interface ProfileRecord {
  profileId: string
  /** "<layout epoch, 4 digits>-<n, 18 digits>": sorts as text; n counts the changes of the partition without a gap. */
  version: string
  firstSeen: string
  lastSeen: string
  identifiers: PublicIdentifier[]
  traits: { [key: string]: Json }
  computed: { [trait: string]: Json }
  audiences: { [audience: string]: { since: string } }
  consent: { [purpose: string]: boolean }
  /** Events folded into it. */
  events: number
  /** Present and true when something was cut to keep the record within its caps. */
  truncated?: true
}

/** Value of profiles.v1 for a profile that was merged, for ever. */
export interface MergedProfileRecord {
  profileId: string
  version: string
  mergedInto: string
}

export type ChangeReason = 'event' | 'identity' | 'definition' | 'time' | 'erasure'

/** Value of profile-changes.v1. */
export interface ProfileChangeRecord {
  /** c created, u updated, d gone (merged, erased). */
  op: 'c' | 'u' | 'd'
  profileId: string
  version: string
  /** Version this profile had before; null for the first. */
  previousVersion: string | null
  time: string
  /**
   * Changed paths, for example "traits.plan", "computed.orders", "audiences.vip", "identifiers", "events". Sorted. Last
   * seen and event count alone make no change, but are in one that is made, so that folding the changes gives the
   * profile. A dot within a key is written `\.`.
   */
  changed: string[]
  /** The changed paths only, before and after; one without a value on a side is absent there. */
  before: { [path: string]: Json }
  after: { [path: string]: Json }
  identifiers: { added: PublicIdentifier[]; removed: PublicIdentifier[] }
  mergedFrom: string[]
  mergedInto?: string
  /** The profile these identifiers were part of until now. */
  splitFrom?: string
  causedBy: {
    reason: ChangeReason
    messageIds: string[]
    sources: string[]
    /** The identity change, when there is one. */
    changeId?: string
  }
  /** Document name → hash it was computed under. */
  rules: { [document: string]: string }
}

/** Value of audience-memberships.v1, key audience ‖ profile id. */
export interface AudienceMembershipRecord {
  audience: string
  profileId: string
  member: boolean
  since: string
  version: string
  rules: { [document: string]: string }
  /** Why, as the change that made it so has it. Absent in records of versions that did not say. */
  reason?: AudienceChangeRecord['reason']
  because?: AudienceChangeRecord['because']
  revision?: number
  watermark?: string
}

/** Value of audience-changes.v1. */
export interface AudienceChangeRecord {
  audience: string
  profileId: string
  /** merged: the profile is part of another one now, and nobody has left anything. corrected: not written. */
  change: 'entered' | 'left' | 'merged' | 'corrected'
  /** What was told before is taken back: by an event that came late, or by a split. Its type is `…corrected.v1` then. */
  correction?: true
  version: string
  time: string
  reason: ChangeReason | 'merged'
  /** The conditions that flipped, each with the value it saw. */
  because: { condition: string; value: Json; met: boolean }[]
  /** Number of the revision that brought the definition in this form; absent: of one that did not say. */
  revision?: number
  /** The moment that windows look back from; what the log had taken by then was judged. */
  watermark?: string
  causedBy: { messageIds: string[]; sources: string[] }
  rules: { [document: string]: string }
}

/** Value of identity-changes.v1: one chunk of one resolution. */
export interface IdentityChangeRecord {
  changeId: string
  kind: 'merge' | 'split' | 'rename' | 'erase'
  /** Chunk number from 0, and how many there are. */
  chunk: number
  chunks: number
  time: string
  moves: { identifierId: string; type: string; from: string; to: string }[]
  /** Evidence or fact ids, and the message that carried it. */
  cause: { evidenceId: string; messageId: string; source: string }
  /**
   * Identifiers found to be shared, and how many profiles each had joined that are apart again; in the first chunks, at
   * most 500 in each, also when nobody moves.
   */
  shared?: { identifierId: string; type: string; joined: number }[]
}

/** Value of rejected.v1. */
export interface RejectedRecord {
  code: string
  message: string
  source: string
  receivedAt: string
  /** The whole input, base64 (it may not be text). */
  input: string
  messageId?: string
  /** Never the same for two: see Event.origin. */
  origin: string
  position?: { topic: string; partition: number; offset: number }
  /**
   * Only for an input too large for one record: the number of this piece from 0, and how many there are. The pieces
   * have one origin; `input` of each is the base64 of its own bytes.
   */
  chunk?: number
  chunks?: number
  /** Absent in records of versions that did not keep it. Of an input in several pieces the first has it. */
  arrival?: RejectedArrival
}

/** How an input came, and what stood beside it: with it, the input can be judged again as it was. */
export interface RejectedArrival {
  /**
   * event: of a request, alone or in a batch; cloudevent: one over HTTP; delivery: the body of a webhook; line: of an
   * uploaded file; row: of an uploaded CSV, below its header; record: of a Kafka topic.
   */
  as: 'event' | 'cloudevent' | 'delivery' | 'line' | 'row' | 'record'
  /** With a secret key, by webhook or through Kafka. */
  trusted: boolean
  /** Type of event that the path of the request named. */
  type?: string
  /** The SentAt header. */
  sentAt?: string
  /** JSON text: what stood beside the batch, or what is known of a delivery beside its body. */
  beside?: string
  /** Key of the Kafka record, base64. */
  key?: string
  /** What the name of an upload made the message id of a line without one. */
  messageId?: string
  /** Something of it was too large to be kept: the input cannot be judged as it came. */
  incomplete?: true
}

/** CloudEvents types of the public topics. */
export const changeTypes = {
  profileCreated: 'dev.tributary.profile.created.v1',
  profileUpdated: 'dev.tributary.profile.updated.v1',
  profileMerged: 'dev.tributary.profile.merged.v1',
  profileSplit: 'dev.tributary.profile.split.v1',
  profileErased: 'dev.tributary.profile.erased.v1',
  profileState: 'dev.tributary.profile.state.v1',
  audienceEntered: 'dev.tributary.audience.entered.v1',
  audienceLeft: 'dev.tributary.audience.left.v1',
  audienceMerged: 'dev.tributary.audience.merged.v1',
  audienceCorrected: 'dev.tributary.audience.corrected.v1',
  audienceMembership: 'dev.tributary.audience.membership.v1',
  consentChanged: 'dev.tributary.consent.changed.v1',
  identityChanged: 'dev.tributary.identity.changed.v1',
  rejected: 'dev.tributary.event.rejected.v1',
} as const
