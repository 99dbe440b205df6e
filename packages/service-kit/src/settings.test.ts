import { expect, test } from '@jest/globals'
import {
  SettingsError,
  choice,
  defineSettings,
  flag,
  integer,
  list,
  port,
  readSettings,
  settingsTable,
  text,
} from './settings.ts'
import { clickhouseSettings, kafkaSettings, serviceSettings } from './settingGroups.ts'

const spec = defineSettings({
  NAME: text({ about: 'a name' }),
  NICK: text({ about: 'a nick', optional: true }),
  WAIT: integer({ about: 'a wait', unit: 'ms', default: 5, min: 1, max: 10 }),
  PORT: port({ about: 'a port', default: 80 }),
  ON: flag({ about: 'a switch', default: false }),
  MODE: choice(['fast', 'safe'], { about: 'a mode', default: 'safe' }),
  HOSTS: list({ about: 'hosts', default: ['a'] }),
})

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
  return []
}

test('unset and empty variables give the defaults', () => {
  expect(readSettings(spec, { NAME: 'n', NICK: '', WAIT: ' ' })).toEqual({
    NAME: 'n',
    NICK: undefined,
    WAIT: 5,
    PORT: 80,
    ON: false,
    MODE: 'safe',
    HOSTS: ['a'],
  })
})

test('every kind of value is read as its type', () => {
  const env = { NAME: ' n ', NICK: 'x', WAIT: '10', PORT: '0', ON: 'TRUE', MODE: 'Fast', HOSTS: 'b:1, c:2,' }
  expect(readSettings(spec, env)).toEqual({
    NAME: 'n',
    NICK: 'x',
    WAIT: 10,
    PORT: 0,
    ON: true,
    MODE: 'fast',
    HOSTS: ['b:1', 'c:2'],
  })
})

test('all problems are reported at once, each with its name and what to set', () => {
  const env = { WAIT: '11', PORT: '70000', ON: 'maybe', MODE: 'slow', HOSTS: ',' }
  const problems = problemsOf(() => readSettings(spec, env))
  expect(problems).toEqual([
    'NAME is not set; set it to: a name',
    'WAIT is not a whole number from 1 to 10; set one (in ms)',
    'PORT is not a whole number from 0 to 65535; set one',
    'ON is neither true nor false; set one of them',
    'MODE is not known; set one of fast, safe',
    'HOSTS holds no item; set at least one, separated by commas',
  ])
})

test.each(['1.5', '1e3', '0x10', '', '-', '99999999999999999999', 'NaN', '5 ms'])(
  'an integer written as "%s" is refused or defaulted, never guessed at',
  (value) => {
    const read = (): unknown => readSettings({ N: integer({ about: 'n' }) }, { N: value })
    expect(problemsOf(read)).toHaveLength(1)
  },
)

test('a problem never repeats the value, which may be a secret', () => {
  const problems = problemsOf(() => readSettings(spec, { NAME: 'n', WAIT: 'hunter2', MODE: 'hunter2' }))
  expect(problems.join()).not.toContain('hunter2')
})

test('a name that is no environment variable is refused when the program is written', () => {
  expect(() => defineSettings({ lower: text({ about: 'x' }) })).toThrow('"lower" is no name')
})

test('the table names every setting with type, default and sentence', () => {
  const table = settingsTable(spec)
  for (const name of Object.keys(spec)) expect(table).toContain(`| \`${name}\` |`)
  expect(table).toContain('| `MODE` | fast \\| safe | `safe` | a mode |')
  expect(table).toContain('| `NAME` | text | **required** | a name |')
})

const minimal = { KAFKA_BROKERS: 'k:1', CLICKHOUSE_URL: 'http://c:8123' }
const everything = { ...serviceSettings, ...kafkaSettings, ...clickhouseSettings }

test('brokers and a ClickHouse address are all that a service must be told', () => {
  expect(problemsOf(() => readSettings(everything, minimal))).toEqual([])
})

test.each([
  [{ KAFKA_TLS_CA_FILE: '/ca' }, 'KAFKA_TLS_CA_FILE is set but KAFKA_TLS is not true'],
  [{ KAFKA_TLS: 'true', KAFKA_TLS_CERT_FILE: '/c' }, 'KAFKA_TLS_CERT_FILE is set without KAFKA_TLS_KEY_FILE'],
  [{ KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_PASSWORD_FILE: '/p' }, 'KAFKA_SASL_USERNAME is not set'],
  [
    { KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_USERNAME: 'u' },
    'KAFKA_SASL_PASSWORD_FILE is not set',
  ],
  [{ KAFKA_SASL_MECHANISM: 'oauthbearer' }, 'KAFKA_OAUTH_TOKEN_FILE is not set'],
  [{ KAFKA_REPLICATION_FACTOR: '1' }, 'KAFKA_MIN_ISR is more than KAFKA_REPLICATION_FACTOR'],
  [{ CLICKHOUSE_URL: 'ftp://c' }, 'CLICKHOUSE_URL is no http(s) address'],
  [
    { CLICKHOUSE_URL: 'http://user:pw@c:1' },
    'CLICKHOUSE_URL is no http(s) address without user and password',
  ],
  [{ CLICKHOUSE_CA_FILE: '/ca' }, 'CLICKHOUSE_CA_FILE is set but CLICKHOUSE_URL is not https'],
  [{ GRPC_TLS_CERT_FILE: '/c' }, 'GRPC_TLS_CERT_FILE is set without GRPC_TLS_KEY_FILE'],
])('settings that contradict each other are refused: %j', (env, start) => {
  const problems = problemsOf(() => readSettings(everything, { ...minimal, ...env }))
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(start)
})
