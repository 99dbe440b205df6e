import type { DeliveryStory, StoredOutcome } from '@tributary/clickhouse-log'
import type { AudienceChangeRecord, ProfileChangeRecord } from '@tributary/contracts'
import { table } from './table.ts'
import { timeText } from './time.ts'

/** The item as it is, and every try. */
export function deliveryStoryText(story: DeliveryStory): string {
  const head = table([
    ['delivery', story.id],
    ['to', `${story.destination} by ${story.sync}`],
    ['profile', `${story.profileId}, version ${story.version}`],
    ['change', story.type],
    ['made', timeText(story.createdMs)],
    ['mapping', story.mapping],
  ])
  const tries = story.outcomes.map((each) => [
    timeText(each.timeMs),
    each.kind,
    each.attempt === 0 ? '' : `try ${each.attempt}`,
    each.code,
    each.message,
  ])
  const item = story.body === '' ? 'not kept: it must not be sent' : indented(story.body)
  return [head, '', 'what became of it', becameText(tries), '', 'item', item].join('\n')
}

function becameText(tries: readonly string[][]): string {
  return tries.length === 0 ? '  nothing yet: it waits, or was made just now' : table(tries, { indent: 2 })
}

/** As it stands when it is no JSON. */
function indented(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2)
  } catch {
    return body
  }
}

/** The decision as sentences: which change, under which sync, and what was decided and did become of it. */
export function whyText(story: DeliveryStory): string {
  return [
    causeText(story),
    `Sync ${story.sync} sends that to ${story.destination} (mapping ${story.mapping}), made ${timeText(story.createdMs)}.`,
    story.filtered === ''
      ? 'Consent and the rest allowed it.'
      : `It must not be sent: ${story.filtered}. The item was not kept.`,
    ...story.outcomes.map(outcomeText),
    ...(story.outcomes.length === 0 ? ['Nothing has become of it yet: it waits, or was made just now.'] : []),
  ].join('\n')
}

function causeText({ type, profileId, version, change }: DeliveryStory): string {
  const what = `Profile ${profileId} changed (${type}, version ${version})`
  if (change === '') return `${what}; the change itself is not in the event log.`
  const record = JSON.parse(change) as AudienceChangeRecord | ProfileChangeRecord
  const causes = record.causedBy.messageIds.join(', ')
  const by = causes === '' ? '' : `, caused by message ${causes} from ${record.causedBy.sources.join(', ')}`
  if (!('audience' in record)) return `${what}: ${record.changed.join(', ')}${by}.`
  const flipped = record.because.map(
    ({ condition, value, met }) =>
      `${condition} ${met ? 'holds' : 'does not hold'} (it saw ${JSON.stringify(value)})`,
  )
  return `${what}: it ${record.change} the audience ${record.audience} because of ${record.reason}${by}${flipped.length > 0 ? `: ${flipped.join('; ')}` : ''}.`
}

function outcomeText({ kind, attempt, code, message, timeMs }: StoredOutcome): string {
  const at = timeText(timeMs)
  switch (kind) {
    case 'delivered':
      return `${at}: try ${attempt} was taken.`
    case 'retry':
      return `${at}: try ${attempt} failed (${code}): ${message}.`
    case 'dead':
      return `${at}: given up after try ${attempt} (${code}): ${message}.`
    case 'filtered':
      return `${at}: not sent (${code}): ${message}.`
    default:
      return `${at}: ${kind} (${code}): ${message}.`
  }
}
