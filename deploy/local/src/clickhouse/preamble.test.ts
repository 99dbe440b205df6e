import { describe, expect, test } from '@jest/globals'
import { preamble, resetStatement } from './preamble.ts'
import { readRequest } from './readRequest.ts'

function request(query: string, method = 'POST') {
  return readRequest(method, new URLSearchParams(query), {})
}

describe('what a request asks for becomes statements of its own connection', () => {
  const cases: [name: string, query: string, statements: string[]][] = [
    ['nothing', 'query=SELECT+1&query_id=x&default_format=CSV&session_timeout=10', []],
    ['a database', 'database=a%60b', ['USE `a\\`b`']],
    ['settings', 'max_threads=2&log_comment=it%27s', ["SET max_threads = '2', log_comment = 'it\\'s'"]],
    [
      'parameters stay as escaped as they came',
      'param_v=a%5C%27b%5C%5C%5Ct',
      ["SET param_v = 'a\\\\\\'b\\\\\\\\\\\\t'"],
    ],
    [
      'each parameter is a statement of its own',
      'param_a=1&param_b=2&max_threads=2',
      ["SET param_a = '1'", "SET param_b = '2'", "SET max_threads = '2'"],
    ],
    [
      'what belongs to HTTP is no setting',
      'wait_end_of_query=1&enable_http_compression=1&send_progress_in_http_headers=1',
      [],
    ],
  ]
  test.each(cases)('%s', (_name, query, statements) => {
    expect(preamble(request(query))).toEqual(statements)
  })

  test('a GET reads only, unless it says so itself', () => {
    expect(preamble(request('', 'GET'))).toEqual(['SET readonly = 2'])
    expect(preamble(request('readonly=1', 'GET'))).toEqual(["SET readonly = '1'"])
  })

  test('a name that is no name cannot carry anything into the statement', () => {
    expect(() => preamble(request('max_threads%3D1%2C+readonly=0'))).toThrow(/Code: 115/)
    expect(() => preamble(request('param_a%3D1=0'))).toThrow(/Code: 36/)
  })

  test('a session forgets the settings of a request, not its own', () => {
    expect(resetStatement(request('max_threads=2&param_v=1'))).toBe('SET max_threads = DEFAULT')
    expect(resetStatement(request('query=SELECT+1'))).toBeUndefined()
  })
})

describe('who asks, and how the answer may be packed', () => {
  const basic = `Basic ${Buffer.from('user:pass:word').toString('base64')}`
  test('headers of ClickHouse come first, then Basic, then the URL', () => {
    const from = (headers: Record<string, string>) =>
      readRequest('POST', new URLSearchParams('user=u&password=p'), headers)
    expect(from({ 'x-clickhouse-user': 'h', 'x-clickhouse-key': 'k', authorization: basic })).toMatchObject({
      user: 'h',
      password: 'k',
    })
    expect(from({ authorization: basic })).toMatchObject({ user: 'user', password: 'pass:word' })
    expect(from({})).toMatchObject({ user: 'u', password: 'p' })
  })

  test.each([
    ['enable_http_compression=1', 'gzip, deflate', 'gzip'],
    ['enable_http_compression=1', 'deflate;q=0.5, zstd', 'zstd'],
    ['enable_http_compression=1', 'lz4', undefined],
    ['', 'gzip', undefined],
  ])('%s with %s: %s', (query, accept, expected) => {
    const { responseEncoding } = readRequest('POST', new URLSearchParams(query), {
      'accept-encoding': accept,
    })
    expect(responseEncoding).toBe(expected)
  })
})
