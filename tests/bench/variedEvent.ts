/** Events as many people's browsers send them: what differs from one to the next in a real log differs here. */
import { hash } from 'node:crypto'
import { createRandom } from '../demo/random.ts'
import { exampleEvent } from './collectorLoad.ts'

const random = createRandom(1)
const WORDS = ['games', 'garden', 'shoes', 'lamps', 'books', 'toys', 'chairs', 'mugs', 'bags', 'clocks']
const word = (): string => random.pick(WORDS)
const number = (most: number): number => random.between(1, most)

/** No two have a message id, a time, an address or a page in common; ids are random to a compressor. */
export function variedEvent(n: number): Record<string, unknown> {
  const example = exampleEvent(n)
  const { properties, context } = example as { properties: object; context: { page: object } }
  const product = number(5_000)
  const title = `${word()} ${word()} ${number(999)}`
  const search = `?q=${word()}+${word()}&sid=${hash('sha256', `s${number(20_000)}`).slice(0, 16)}`
  const id = hash('sha256', `m${n}`)
  return {
    ...example,
    messageId: `ajs-next-${1_795_000_000_000 + n * 37}-${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20, 32)}`,
    userId: hash('sha256', `u${number(20_000)}`).slice(0, 24),
    anonymousId: hash('sha256', `a${number(40_000)}`).slice(0, 32),
    timestamp: new Date(1_795_000_000_000 + n * 37).toISOString(),
    properties: {
      ...properties,
      product_id: `sku-${product}`,
      category: word(),
      name: title,
      brand: word(),
      price: number(99_999) / 100,
      position: number(60),
      image_url: `https://www.example.com/images/${hash('sha256', `i${product}`).slice(0, 20)}.jpg`,
    },
    context: {
      ...context,
      ip: `${number(223)}.${number(255)}.${number(255)}.${number(255)}`,
      userAgent: `Mozilla/5.0 (${random.pick(['X11; Linux x86_64', 'Windows NT 10.0; Win64; x64', 'Macintosh; Intel Mac OS X 10_15_7', 'iPhone; CPU iPhone OS 18_1 like Mac OS X'])}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${130 + number(14)}.0.${number(9)}.0 Safari/537.36`,
      page: {
        ...context.page,
        path: `/products/${product}`,
        search,
        title,
        url: `https://www.example.com/products/${product}${search}`,
      },
    },
  }
}
