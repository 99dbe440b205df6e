import { expect, test } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { decodeSecret, signedHeaders } from './signature.ts'

const secret = (): string => `whsec_${randomBytes(32).toString('base64')}`

test('the reference library accepts what is signed', () => {
  const key = secret()
  const body = '{"a":"é – 😀"}'
  const headers = signedHeaders([decodeSecret(key)], 'd1', Date.now(), body)
  expect(new Webhook(key).verify(body, { ...headers })).toEqual({ a: 'é – 😀' })
})

test('while a secret is rotated, receivers that know the old or the new one accept', () => {
  const [old, next] = [secret(), secret()]
  const headers = signedHeaders([old, next].map(decodeSecret), 'd1', Date.now(), '{}')
  expect(new Webhook(old).verify('{}', { ...headers })).toEqual({})
  expect(new Webhook(next).verify('{}', { ...headers })).toEqual({})
  expect(() => new Webhook(secret()).verify('{}', { ...headers })).toThrow('No matching signature')
})

test('another body, id or time does not match', () => {
  const key = secret()
  const headers = signedHeaders([decodeSecret(key)], 'd1', Date.now(), '{}')
  expect(() => new Webhook(key).verify('{ }', { ...headers })).toThrow('No matching signature')
  expect(() => new Webhook(key).verify('{}', { ...headers, 'webhook-id': 'd2' })).toThrow(
    'No matching signature',
  )
  const later = String(Number(headers['webhook-timestamp']) + 1)
  expect(() => new Webhook(key).verify('{}', { ...headers, 'webhook-timestamp': later })).toThrow(
    'No matching signature',
  )
})

test.each(['', 'whsec_', 'plain', `whsec_${'!'.repeat(32)}`, 'whsec_c2hvcnQ=', `whsec_${'A'.repeat(200)}`])(
  'a secret that is none is refused without being repeated: %j',
  (text) => {
    expect(() => decodeSecret(text)).toThrow(expect.objectContaining({ code: 'SECRET_INVALID' }))
    expect(() => decodeSecret(text)).toThrow(/^a signing secret is whsec_/)
  },
)
