import { expect, test } from '@jest/globals'
import { createHmac } from 'node:crypto'
import { createIdentifierHasher } from './identifierHasher.ts'

const KEY = 'k'.repeat(32)

test('an identifier id is the first 128 bits of the keyed hash, so any program with the key can compute it', () => {
  const expected = createHmac('sha256', KEY)
    .update('email\x001\x00ada@example.com')
    .digest('hex')
    .slice(0, 32)
  expect(createIdentifierHasher(KEY)('email', 1, 'ada@example.com')).toBe(expected)
  expect(createIdentifierHasher(Buffer.from(KEY))('email', 1, 'ada@example.com')).toBe(expected)
})

// Never change these: every stored key and assignment depends on them.
test.each([
  ['user_id', 1, 'u1', '26f8eb6dd9e50aed91d6b66eb2f46ab8'],
  ['email', 1, 'ada@example.com', '800834b513144b0c949bbbca9eefc700'],
  ['email', 2, 'ada@example.com', '6f1d920032a618aedb7eb61280949cd3'],
])('the id of %s, version %i, %s stays what it is', (type, version, value, id) => {
  expect(createIdentifierHasher(KEY)(type, version, value)).toBe(id)
})

test('type, version and value cannot run into each other', () => {
  const hash = createIdentifierHasher(KEY)
  const ids = [hash('a', 1, '1b'), hash('a', 11, 'b'), hash('a1', 1, 'b'), hash('a', 1, '1\0b')]
  expect(new Set(ids).size).toBe(ids.length)
})

test('another key gives other ids', () => {
  const other = createIdentifierHasher('x'.repeat(32))
  expect(other('email', 1, 'a@b.fr')).not.toBe(createIdentifierHasher(KEY)('email', 1, 'a@b.fr'))
})
