/** One page of a profile's events out of the log: those filed under the identifiers that are folded into it now. */
import { status } from '@grpc/grpc-js'
import { type AnchoredEvents, type EventPlace } from '@tributary/clickhouse-log'
import {
  type ListEventsRequest,
  type ListEventsResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { Refusal, pageTokenOf, readPageToken, unavailable } from '@tributary/service-kit'

const DEFAULT_PAGE = 50
const MAX_PAGE = 200
/** Bytes of the events of one page, below the 8 MiB of a message; a page always has one event, of at most 2 MB. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024

export async function listEvents(
  { pageSize, pageToken }: Pick<ListEventsRequest, 'pageSize' | 'pageToken'>,
  anchors: readonly string[],
  log: AnchoredEvents,
): Promise<ListEventsResponse> {
  if (pageSize > MAX_PAGE)
    throw new Refusal(status.INVALID_ARGUMENT, `page_size is ${pageSize}; at most ${MAX_PAGE}`)
  const size = pageSize || DEFAULT_PAGE
  const after = pageToken === '' ? undefined : readPlace(pageToken)
  const found = await log.read({ anchors, limit: size + 1, after }).catch(() => {
    throw unavailable('the event log')
  })
  const page = found.slice(0, fitting(found.slice(0, size).map(({ payload }) => payload.length)))
  const last = page.at(-1)
  return {
    events: page.map(({ messageId, sourceId, type, name, timeMs, receivedMs, identifiers, payload }) => ({
      messageId,
      source: sourceId,
      type,
      name,
      time: new Date(timeMs),
      received: new Date(receivedMs),
      identifiers: [...identifiers],
      json: Buffer.from(payload),
    })),
    nextPageToken:
      last && found.length > page.length ? pageTokenOf(last.timeMs, last.partition, last.offset) : '',
  }
}

function fitting(sizes: readonly number[]): number {
  let bytes = 0
  const cut = sizes.findIndex((size, i) => (bytes += size) > MAX_PAGE_BYTES && i > 0)
  return cut < 0 ? sizes.length : cut
}

function readPlace(token: string): EventPlace {
  const match = readPageToken(token, /^(-?\d{1,15})\/(\d{1,9})\/(\d{1,16})$/, 100)
  return { timeMs: Number(match[1]), partition: Number(match[2]), offset: Number(match[3]) }
}
