/** A path and query as one of the questions that are answered: GET /v1/profiles/{id or type:value}[/events]. */
import { status } from '@grpc/grpc-js'
import {
  type GetProfileRequest,
  type ListEventsRequest,
  type ProfileRef,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'

export type Question =
  | { readonly kind: 'profile'; readonly request: GetProfileRequest }
  | { readonly kind: 'events'; readonly request: ListEventsRequest }

export interface NoQuestion {
  readonly code: status
  readonly problem: string
}

const PARAMETERS = {
  profile: new Set(['min_position', 'with_identity', 'max_wait_ms']),
  events: new Set(['page_size', 'page_token']),
}

export function readQuestion(url: string): Question | NoQuestion {
  const [path, query = ''] = split(url, '?')
  const match = /^\/v1\/profiles\/([^/]+)(\/events)?$/.exec(path)
  if (!match)
    return {
      code: status.NOT_FOUND,
      problem: 'there are GET /v1/profiles/{profile id}, /v1/profiles/{type}:{value}, and /events below both',
    }
  const ref = readRef(match[1]!)
  if (!ref) return invalid('the path is no valid percent encoding')
  const kind = match[2] ? 'events' : 'profile'
  const given = new URLSearchParams(query)
  for (const name of given.keys())
    if (!PARAMETERS[kind].has(name))
      return invalid(
        `there is no parameter "${name.slice(0, 64)}"; there are ${[...PARAMETERS[kind]].join(', ')}`,
      )
  return kind === 'events' ? eventsQuestion(ref, given) : profileQuestion(ref, given)
}

function profileQuestion(ref: ProfileRef, given: URLSearchParams): Question | NoQuestion {
  const withIdentity = given.get('with_identity') ?? 'false'
  const maxWaitMs = wholeNumber(given.get('max_wait_ms'))
  const minPosition = given.get('min_position') ?? ''
  if (withIdentity !== 'true' && withIdentity !== 'false') return invalid('with_identity is true or false')
  if (maxWaitMs === undefined) return invalid('max_wait_ms is a whole number of milliseconds')
  const asked = minPosition !== ''
  if (!asked && (withIdentity === 'true' || maxWaitMs > 0))
    return invalid('with_identity and max_wait_ms say how to wait for min_position; give that too')
  return {
    kind: 'profile',
    request: {
      ref,
      fieldMask: undefined,
      freshness: asked ? { minPosition, withIdentity: withIdentity === 'true', maxWaitMs } : undefined,
    },
  }
}

function eventsQuestion(ref: ProfileRef, given: URLSearchParams): Question | NoQuestion {
  const pageSize = wholeNumber(given.get('page_size'))
  if (pageSize === undefined) return invalid('page_size is a whole number')
  return { kind: 'events', request: { ref, pageSize, pageToken: given.get('page_token') ?? '' } }
}

/** Without a colon it is a profile id; a value may have colons of its own. */
function readRef(segment: string): ProfileRef | undefined {
  let text: string
  try {
    text = decodeURIComponent(segment)
  } catch {
    return undefined
  }
  if (!text.includes(':')) return { ref: { $case: 'profileId', value: text } }
  const [type, value = ''] = split(text, ':')
  return { ref: { $case: 'identifier', value: { type, value } } }
}

function split(text: string, at: string): [string, string?] {
  const index = text.indexOf(at)
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)]
}

function wholeNumber(text: string | null): number | undefined {
  if (text === null) return 0
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

function invalid(problem: string): NoQuestion {
  return { code: status.INVALID_ARGUMENT, problem }
}
