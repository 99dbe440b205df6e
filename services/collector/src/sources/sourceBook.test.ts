import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { TEST_SECRET, exampleSources, testPorts, workspaceOf } from '../testing/index.ts'
import { buildSourceBook, emptyBook } from './sourceBook.ts'

const book = buildSourceBook(workspaceOf(exampleSources), testPorts)

describe('keys', () => {
  test.each([
    ['wk_web_1', 'web', false],
    ['wk_web_2', 'web', false],
    ['wk_crm_1', 'crm', false],
    [TEST_SECRET, 'web', true],
  ])('%s is of %s, trusted: %s', (key, source, trusted) => {
    expect(book.findKey(key)).toMatchObject({ source: { id: source }, trusted })
  })

  test.each(['', 'wk_web', 'wk_web_1 ', 'WK_WEB_1', '__proto__', `${TEST_SECRET} `, TEST_SECRET.slice(1)])(
    '"%s" is nobody’s',
    (key) => {
      expect(book.findKey(key)).toBeUndefined()
    },
  )

  test('a mounted file may hold the key or its SHA-256', () => {
    const plain = buildSourceBook(workspaceOf(exampleSources), {
      ...testPorts,
      readSecret: () => `${TEST_SECRET}\n`,
    })
    expect(plain.findKey(TEST_SECRET)?.trusted).toBe(true)
    const digest = createHash('sha256').update(TEST_SECRET).digest('hex')
    // Whoever reads the hash has not got the key.
    expect(plain.findKey(`sha256:${digest}`)).toBeUndefined()
    expect(book.findKey(`sha256:${digest}`)).toBeUndefined()
  })

  test('a file that is not mounted takes its own key away and no other', () => {
    const without = buildSourceBook(workspaceOf(exampleSources), {
      ...testPorts,
      readSecret: () => {
        throw new Error('not there')
      },
    })
    expect(without.findKey('wk_web_1')).toBeDefined()
    expect(without.findKey(TEST_SECRET)).toBeUndefined()
    expect(without.problems).toEqual(['source web: key "web-key" cannot be used: Error: not there'])
  })
})

test('limits, origins, zones and mappings are those of the document', () => {
  expect(book.findKey('wk_web_1')?.source).toMatchObject({
    origins: new Set(['https://shop.example']),
    disabled: false,
  })
  expect(book.findKey('wk_crm_1')?.source.circumstances.limits.maxEventBytes).toBe(921_600)
  expect(book.findKey('wk_crm_1')?.source.origins).toBeUndefined()
  expect(book.findKey('wk_old_1')?.source.disabled).toBe(true)
  expect(book.kafka.map(({ id, topic, start }) => ({ id, topic, start }))).toEqual([
    { id: 'app', topic: 'app.events', start: 'earliest' },
    { id: 'customers', topic: 'crm.public.customers', start: 'earliest' },
    { id: 'orders', topic: 'shop.orders', start: 'earliest' },
    { id: 'pos', topic: 'retail.receipts', start: 'earliest' },
  ])
  expect(book.kafka[0]?.circumstances).toMatchObject({
    zone: 'Europe/Paris',
    trusted: true,
    mapping: undefined,
  })
  expect(book.kafka.at(-1)?.circumstances.mapping?.zone).toBe('Europe/Paris')
})

test('a mapping that cannot be used refuses the whole revision', () => {
  const bad = {
    kind: 'Source',
    id: 'x',
    kafka: { topic: 't', format: 'json' },
    map: { event: { const: 'e' }, identifiers: { email: 'a..b' } },
  }
  expect(() => buildSourceBook(workspaceOf([bad]), testPorts)).toThrow('identifiers.email')
})

test('before the first revision there is nothing', () => {
  expect(emptyBook.findKey('wk_web_1')).toBeUndefined()
  expect(emptyBook.kafka).toEqual([])
})
