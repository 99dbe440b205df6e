/** What browsers' SDKs ask for before they send anything. */
import { type IncomingMessage } from 'node:http'
import { type KeyHolder } from '../sources/sourceBook.ts'
import { type Answer } from './answer.ts'

/** What analytics-next needs to start. The key is in the page already; whether it is known is not told. */
export function settingsAnswer(key: string, request: IncomingMessage): Answer {
  const forwarded = request.headers['x-forwarded-host']
  const host = (typeof forwarded === 'string' ? forwarded : request.headers.host) ?? 'localhost'
  // It takes https unless told otherwise. Said only where it is certain: a page over https must never be told http.
  const plain = request.headers['x-forwarded-proto'] === 'http' || LOCAL_HOST.test(host)
  const segment = { apiKey: key, apiHost: `${host}/v1`, ...(plain && { protocol: 'http' }) }
  const body = JSON.stringify({ integrations: { 'Segment.io': segment } })
  return { status: 200, body, headers: { 'cache-control': 'public, max-age=60' } }
}

const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/

/** What RudderStack's browser SDK needs to start: a source that is on, with nothing to load beside it. */
export function sourceConfigAnswer({ source }: KeyHolder, nowMs: number): Answer {
  const config = { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } }
  const body = JSON.stringify({
    source: {
      id: source.id,
      name: source.id,
      enabled: true,
      workspaceId: 'tributary',
      config,
      destinations: [],
      connections: [],
      dataplanes: {},
    },
    updatedAt: new Date(nowMs).toISOString(),
  })
  return { status: 200, body, headers: { 'cache-control': 'private, max-age=60' } }
}
