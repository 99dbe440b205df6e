import { describe, expect, test } from '@jest/globals'
import { guardedLookup, literalRefusal, refusal } from './addressGuard.ts'

test.each(['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946', '::ffff:93.184.216.34'])(
  '%s is public',
  (address) => {
    expect(refusal(address, false)).toBeUndefined()
  },
)

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '::1',
  'fd12::1',
  '::ffff:10.0.0.1',
])('%s is private: only for destinations that say so', (address) => {
  expect(refusal(address, false)).toMatch(/allowPrivateAddresses/)
  expect(refusal(address, true)).toBeUndefined()
})

test.each([
  '169.254.169.254',
  '::ffff:169.254.169.254',
  'fe80::1',
  'fd00:ec2::254',
  '100.100.100.200',
  '192.0.0.192',
  '0.0.0.0',
  '::',
  '224.0.0.1',
  'ff02::1',
  '255.255.255.255',
  '240.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '2002:a9fe:a9fe::',
  '2001:0:a9fe:a9fe::1',
  'nonsense',
])('%s is never allowed', (address) => {
  expect(refusal(address, false)).toBeDefined()
  expect(refusal(address, true)).toBeDefined()
})

test.each([
  ['http://127.0.0.1/', true],
  ['http://[::1]:8080/', true],
  ['http://2130706433/', true],
  ['http://0x7f.1/', true],
  ['http://127.1/', true],
  ['http://[::ffff:7f00:1]/', true],
  ['http://example.com/', false],
  ['http://93.184.216.34/', false],
])('%s, an address in numbers, is judged whatever way it is written', (url, refused) => {
  expect(literalRefusal(new URL(url).hostname, false) !== undefined).toBe(refused)
})

describe('names', () => {
  function look(
    addresses: string[],
    all: boolean,
  ): Promise<{ error: NodeJS.ErrnoException | null; found: unknown }> {
    const lookup = guardedLookup(false, (_name, _options, done) => {
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )
    })
    return new Promise((resolve) => {
      lookup('crm.example', { all }, (error, found) => {
        resolve({ error, found })
      })
    })
  }
  test('that lead to public addresses are given as they are', async () => {
    expect(await look(['93.184.216.34'], false)).toEqual({ error: null, found: '93.184.216.34' })
    expect((await look(['93.184.216.34', '2606:2800:220:1::1'], true)).found).toHaveLength(2)
  })
  test('that lead anywhere else are refused, also when one of several does', async () => {
    expect((await look(['169.254.169.254'], true)).error).toMatchObject({ code: 'ADDRESS_REFUSED' })
    expect((await look(['93.184.216.34', '10.0.0.1'], true)).error).toMatchObject({ code: 'ADDRESS_REFUSED' })
  })
  test('without any address are not found', async () => {
    expect((await look([], true)).error).toMatchObject({ code: 'ENOTFOUND' })
  })
})
