/** What came of the changes, beside what must: pure. */

export interface CapturedEvent {
  readonly sourceId: string
  readonly messageId: string
  readonly anchor: string
  readonly timeMs: number
  readonly identifiers: readonly { readonly type: string; readonly value: string }[]
  readonly payload?: Uint8Array | undefined
}

export interface CapturedReject {
  readonly source: string
  readonly code: string
  readonly position?:
    | { readonly topic: string; readonly partition: number; readonly offset: number }
    | undefined
}

export interface Captured {
  /** One line per event, repeated records counted once. */
  readonly events: readonly string[]
  /** Records of events that stand in the log once more. */
  readonly repeated: number
  readonly leftOut: number
  /** Rejects of another code, and message ids that stand for two events. */
  readonly problems: readonly string[]
}

/**
 * `deletions` of the topics themselves may be repeated when a worker is killed: each record is a reject of its own, as it is
 * a record of its own. They are counted by what they say, not by where they stand.
 */
export function captured(
  events: readonly CapturedEvent[],
  rejects: readonly CapturedReject[],
  said: (reject: CapturedReject) => string,
): Captured {
  const byId = new Map<string, string>()
  const problems: string[] = []
  for (const event of events) {
    const text = eventText(event)
    const id = `${event.sourceId} ${event.messageId}`
    const known = byId.get(id)
    if (known !== undefined && known !== `${event.anchor} ${text}`)
      problems.push(`the message id ${event.messageId} stands for two events`)
    byId.set(id, `${event.anchor} ${text}`)
  }
  const left = new Set<string>()
  for (const reject of rejects) {
    if (reject.code === 'change_left_out' || reject.code === 'no_mapped_change')
      left.add(`${reject.source} ${said(reject)}`)
    else problems.push(`a record of ${reject.source} was rejected: ${reject.code}`)
  }
  const distinct = [...byId.values()].map((each) => each.slice(each.indexOf(' ') + 1))
  return {
    events: distinct,
    repeated: events.length - distinct.length,
    leftOut: left.size,
    problems,
  }
}

/** Source, person, and the values to the last digit: the text as it stands in the event. The time where a column gives it. */
function eventText({ sourceId, identifiers, payload, timeMs }: CapturedEvent): string {
  const valueOf = (type: string): string => identifiers.find((each) => each.type === type)?.value ?? '-'
  const text = new TextDecoder().decode(payload)
  const values = /"(?:traits|properties)":(\{.*?\})(?:,"|\}$)/u.exec(text)?.[1] ?? text
  const time = sourceId === 'orders' ? ` at ${new Date(timeMs).toISOString()}` : ''
  return `${sourceId} ${valueOf('user_id')} ${valueOf('email')} ${values}${time}`
}

/** Lines that are missing and lines that are too many. */
export function differences(wanted: readonly string[], found: readonly string[]): string[] {
  const rest = [...found]
  const missing = wanted.filter((line) => {
    const index = rest.indexOf(line)
    if (index !== -1) rest.splice(index, 1)
    return index === -1
  })
  return [...missing.map((line) => `missing: ${line}`), ...rest.map((line) => `too many: ${line}`)]
}
