/**
 * Why an event is refused. The code is stable and public: it stands in answers, in the rejected topic and in metrics.
 * None of these is cured by sending the same bytes again.
 */
export const rejectionCodes = {
  not_an_object: 'The event is no JSON object.',
  event_too_large: 'The event is larger than the limit of its source.',
  too_deep: 'Objects and arrays are nested deeper than the limit.',
  too_many_events: 'The event stands beyond the last place of a batch.',
  unknown_type: 'The type is none of track, identify, page, screen, group, alias.',
  missing_event_name: 'A track event needs a name in "event".',
  name_too_long: 'The name of the event, page or screen is too long.',
  missing_group_id: 'A group event needs a "groupId".',
  missing_previous_id: 'An alias event needs a "previousId".',
  invalid_field: 'A field has a JSON type it must not have.',
  message_id_too_long: 'The message id is too long.',
  invalid_json: 'The record of a Kafka source, or the line of an upload, is no JSON.',
  invalid_row: 'The row of an uploaded CSV is none, or has another number of cells than its header.',
  empty_record: 'The record of a Kafka source has no value.',
  change_left_out: 'A change of a table that its source leaves out: a deletion, a truncation, a tombstone.',
  no_mapped_change: 'An update of a table that changes no mapped column.',
  erases_nobody: 'A deleted row that erases, and names no valid identifier.',
  does_not_map: 'The record does not fit the mapping of its source.',
} as const

export type RejectionCode = keyof typeof rejectionCodes

/** Nothing is wrong with these: their source leaves them out. They are rejects so that the ledger balances. */
export const leftOutCodes: ReadonlySet<RejectionCode> = new Set(['change_left_out', 'no_mapped_change'])

export interface Rejection {
  readonly code: RejectionCode
  /** What is wrong with this event, for the person who sent it. */
  readonly message: string
  /** When it could be read. */
  readonly messageId?: string
}
