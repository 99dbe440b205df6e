import { type EventType } from '@tributary/domain'

export type Route =
  | { readonly kind: 'batch'; readonly name: string }
  | { readonly kind: 'single'; readonly type: EventType; readonly name: string }
  /** CloudEvents, in any of their three modes. */
  | { readonly kind: 'cloudevents'; readonly name: string }
  /** A signed delivery of another system. */
  | { readonly kind: 'webhook'; readonly source: string; readonly name: string }
  /** What analytics-next reads before it sends anything. */
  | { readonly kind: 'settings'; readonly key: string; readonly name: string }
  /** What RudderStack's browser SDK reads before it sends anything. */
  | { readonly kind: 'source-config'; readonly name: string }
  /** A file of lines: ../upload. */
  | { readonly kind: 'upload'; readonly name: string }
  /** Metrics of an SDK about itself: answered, not kept. */
  | { readonly kind: 'sdk-metrics'; readonly name: string }

const singles: readonly (readonly [EventType, string])[] = [
  ['track', 't'],
  ['identify', 'i'],
  ['page', 'p'],
  ['screen', 's'],
  ['group', 'g'],
  ['alias', 'a'],
]

/** By path. `name` is what metrics call it. */
const posts: ReadonlyMap<string, Route> = new Map<string, Route>([
  ...['/v1/batch', '/v1/b', '/v1/import', '/beacon/v1/batch'].map(
    (path) => [path, { kind: 'batch', name: path }] as const,
  ),
  ...singles.flatMap(([type, short]) =>
    [`/v1/${type}`, `/v1/${short}`].map(
      (path) => [path, { kind: 'single', type, name: `/v1/${type}` }] as const,
    ),
  ),
  // Jitsu's: from pages, and from servers.
  ...singles.flatMap(([type]) =>
    (['/api/s', '/api/s/s2s'] as const).map(
      (base) => [`${base}/${type}`, { kind: 'single', type, name: base }] as const,
    ),
  ),
  ['/v1/events', { kind: 'cloudevents', name: '/v1/events' }],
  ['/v1/m', { kind: 'sdk-metrics', name: '/v1/m' }],
])

const SETTINGS = /^\/v1\/projects\/([^/]{1,256})\/settings$/

const WEBHOOK = /^\/v1\/webhook\/([a-z][a-z0-9_-]{0,62})$/

/** The path of files, whose answer is not JSON but lines of it. */
export const UPLOAD_PATH = '/v1/upload'

const UPLOAD: Route = { kind: 'upload', name: UPLOAD_PATH }

/** The paths with one answer of JSON. */
export const ingestPaths: readonly string[] = [...posts.keys()]

export type Found = { readonly route: Route } | { readonly allow: string } | undefined

/** Undefined when there is no such path; `allow` when it is there for another method. */
export function findRoute(method: string, path: string): Found {
  const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  const post = bare === UPLOAD_PATH ? UPLOAD : posts.get(bare)
  if (post) return method === 'POST' ? { route: post } : { allow: 'POST, OPTIONS' }
  const webhook = WEBHOOK.exec(bare)
  if (webhook) {
    const route = { kind: 'webhook', source: webhook[1]!, name: '/v1/webhook/:source' } as const
    return method === 'POST' ? { route } : { allow: 'POST, OPTIONS' }
  }
  const settings = SETTINGS.exec(bare)
  if (!settings && bare !== '/sourceConfig') return undefined
  if (method !== 'GET' && method !== 'HEAD') return { allow: 'GET, OPTIONS' }
  if (!settings) return { route: { kind: 'source-config', name: '/sourceConfig' } }
  return { route: { kind: 'settings', key: safeDecode(settings[1]!), name: '/v1/projects/:key/settings' } }
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
