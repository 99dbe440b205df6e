/**
 * Where clients put their key, in the order it is looked for: X-Write-Key, Basic user, Bearer, ?writeKey=, body. The
 * first place that holds one decides. A Bearer token that is no key of ours is some OAuth token, and the search goes
 * on; masked values ("***") are none.
 */
import { type IncomingHttpHeaders } from 'node:http'
import { type JsonObject, createRecentlySeen } from '@tributary/domain'

export interface OfferedKey {
  readonly key: string
  /** A key that is not known is no reason to stop looking. */
  readonly optional: boolean
}

export function keysInRequest(headers: IncomingHttpHeaders, query: string | undefined): OfferedKey[] {
  const offered: OfferedKey[] = []
  const offer = (value: string | undefined | null, optional = false): void => {
    const key = value?.trim()
    if (key && !key.includes('***')) offered.push({ key, optional })
  }
  const writeKey = headers['x-write-key']
  if (typeof writeKey === 'string') {
    // Jitsu's keys are "id:secret": the whole may be a secret key, the id alone a client key.
    const colon = writeKey.indexOf(':')
    offer(writeKey, colon > 0)
    if (colon > 0) offer(writeKey.slice(0, colon))
  }
  if (headers.authorization !== undefined) {
    const { key, optional } = keyInAuthorization(headers.authorization)
    offer(key, optional)
  }
  if (query !== undefined && query.includes('writeKey=')) offer(new URLSearchParams(query).get('writeKey'))
  return offered
}

interface Authorization {
  readonly key: string | undefined
  readonly optional: boolean
}

/** A key's header is the same each time: those of a thousand sources and tokens are remembered. */
const known = createRecentlySeen<Authorization>(1024)

function keyInAuthorization(header: string): Authorization {
  const seen = known.get(header)
  if (seen) return seen
  const [, scheme = '', credentials = ''] = /^(\S+) +(\S+)\s*$/.exec(header) ?? []
  const basic = /^basic$/i.test(scheme)
  const bearer = /^bearer$/i.test(scheme)
  const read = {
    key: basic
      ? Buffer.from(credentials, 'base64').toString().split(':', 1)[0]
      : bearer
        ? credentials
        : undefined,
    optional: bearer,
  }
  known.set(header, read)
  return read
}

/** From a batch's envelope, or from a single event. */
export function keyInBody(body: JsonObject): string | undefined {
  const key = body['writeKey']
  return typeof key === 'string' && key.trim() !== '' && !key.includes('***') ? key.trim() : undefined
}
