import { afterAll, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clickhouseConnection, kafkaConnection } from './connectionSettings.ts'
import { clickhouseSettings, kafkaSettings } from './settingGroups.ts'
import { readSettings } from './settings.ts'

const dir = mkdtempSync(join(tmpdir(), 'connection-'))
afterAll(() => {
  rmSync(dir, { recursive: true })
})

function file(name: string, content: string): string {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}

test('a plain cluster needs its addresses only', () => {
  const settings = readSettings(kafkaSettings, { KAFKA_BROKERS: 'a:1,b:2' })
  expect(kafkaConnection(settings)).toEqual({ brokers: ['a:1', 'b:2'], clientId: 'tributary' })
})

test('TLS and SCRAM are read from their files', () => {
  const settings = readSettings(kafkaSettings, {
    KAFKA_BROKERS: 'a:1',
    KAFKA_TLS: 'true',
    KAFKA_TLS_CA_FILE: file('ca', 'CA'),
    KAFKA_SASL_MECHANISM: 'scram-sha-512',
    KAFKA_SASL_USERNAME: 'u',
    KAFKA_SASL_PASSWORD_FILE: file('password', 'pw\n'),
  })
  expect(kafkaConnection(settings)).toEqual({
    brokers: ['a:1'],
    clientId: 'tributary',
    tls: { ca: 'CA' },
    sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'pw' },
  })
})

test('an OAuth token is read anew each time, because it is renewed in place', () => {
  const path = file('token', 'one')
  const { sasl } = kafkaConnection(
    readSettings(kafkaSettings, {
      KAFKA_BROKERS: 'a:1',
      KAFKA_SASL_MECHANISM: 'oauthbearer',
      KAFKA_OAUTH_TOKEN_FILE: path,
    }),
  )
  if (sasl?.mechanism !== 'oauthbearer') throw new Error('not oauthbearer')
  expect(sasl.token()).toBe('one')
  writeFileSync(path, 'two')
  expect(sasl.token()).toBe('two')
})

test('ClickHouse gets its user, password and authorities', () => {
  const settings = readSettings(clickhouseSettings, {
    CLICKHOUSE_URL: 'https://c:8443',
    CLICKHOUSE_USER: 'u',
    CLICKHOUSE_PASSWORD_FILE: file('chpw', 'secret\n'),
    CLICKHOUSE_CA_FILE: file('chca', 'PEM'),
  })
  expect(clickhouseConnection(settings)).toEqual({
    url: 'https://c:8443',
    database: 'tributary',
    username: 'u',
    password: 'secret',
    ca: 'PEM',
  })
})

test('a file that is not there is named', () => {
  const settings = readSettings(clickhouseSettings, {
    CLICKHOUSE_URL: 'http://c:1',
    CLICKHOUSE_PASSWORD_FILE: join(dir, 'absent'),
  })
  expect(() => clickhouseConnection(settings)).toThrow(/absent cannot be read \(ENOENT\); mount it/)
})
