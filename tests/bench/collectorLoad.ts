/** What the bars of the collector send: events as SDKs write them, and clients that send as fast as they are answered. */
import { connect } from 'node:net'

/** About 1.1 KB of JSON, with the keys and lengths of analytics.js. No two have a message id in common. */
export function exampleEvent(number: number): Record<string, unknown> {
  const page = `/products/${number % 977}`
  return {
    type: 'track',
    event: 'Product Viewed',
    messageId: `ajs-next-${1_795_000_000_000 + number}-6f1d9200-32a6-48ae-8db7-eb61280949cd`,
    userId: `user-${(number * 31) % 5000}`,
    anonymousId: `anonymous-${(number * 17) % 9000}`,
    timestamp: new Date(1_795_000_000_000 + number).toISOString(),
    properties: {
      product_id: `sku-${number % 977}`,
      category: 'Games',
      name: 'Monopoly: 3rd Edition',
      brand: 'Hasbro',
      variant: '200 pieces',
      price: 18.99,
      quantity: 1,
      coupon: 'MAYDEALS',
      currency: 'EUR',
      position: 3,
      image_url: 'https://www.example.com/product/path.jpg',
    },
    context: {
      ip: '203.0.113.7',
      userAgent:
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
      locale: 'fr-FR',
      timezone: 'Europe/Paris',
      library: { name: 'analytics.js', version: 'npm:next-1.84.3' },
      page: {
        path: page,
        referrer: 'https://www.example.com/',
        search: '?q=monopoly',
        title: 'Monopoly: 3rd Edition',
        url: `https://www.example.com${page}?q=monopoly`,
      },
      campaign: { name: 'autumn', source: 'newsletter', medium: 'email' },
    },
    integrations: {},
  }
}

export function exampleBatch(first: number, events: number): string {
  return JSON.stringify({
    batch: Array.from({ length: events }, (_, index) => exampleEvent(first + index)),
    sentAt: new Date(1_795_000_000_000 + first).toISOString(),
  })
}

/** Sends the bodies over so many connections, each the next when it is answered; throws when one is not 200. */
export async function sendAll(
  target: { readonly port: number; readonly path: string; readonly authorization: string },
  bodies: readonly string[],
  connections: number,
): Promise<void> {
  const requests = bodies.map((body) =>
    Buffer.from(
      `POST ${target.path} HTTP/1.1\r\nhost: bench\r\nauthorization: ${target.authorization}\r\n` +
        `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
  )
  let next = 0
  await Promise.all(
    Array.from(
      { length: Math.min(connections, requests.length) },
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(target.port, '127.0.0.1')
          socket.setNoDelay(true)
          let answer = ''
          const sendNext = (): void => {
            const request = requests[next++]
            if (request) socket.write(request)
            else socket.end(resolve)
          }
          socket.on('connect', sendNext)
          socket.on('error', reject)
          socket.on('data', (chunk) => {
            answer += chunk.toString('latin1')
            const head = answer.indexOf('\r\n\r\n')
            if (head < 0) return
            const length = Number(/content-length: (\d+)/i.exec(answer)?.[1] ?? 0)
            if (answer.length < head + 4 + length) return
            if (!answer.startsWith('HTTP/1.1 200')) reject(new Error(answer))
            answer = ''
            sendNext()
          })
        }),
    ),
  )
}
