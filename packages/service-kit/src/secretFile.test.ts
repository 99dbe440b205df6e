import { afterAll, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSecretFile, loadWorkspaceKey, readSecretFile } from './secretFile.ts'

const dir = mkdtempSync(join(tmpdir(), 'secret-'))
afterAll(() => {
  rmSync(dir, { recursive: true })
})
writeFileSync(join(dir, 'crm-webhook'), 'whsec_abc\r\n')
writeFileSync(join(dir, 'empty'), '\n')
writeFileSync(join(dir, 'short'), 'too short')

test('the line break at the end of a mounted file is not part of the secret', () => {
  expect(loadSecretFile(dir, 'crm-webhook')).toBe('whsec_abc')
})

test.each(['../crm-webhook', 'a/b', '..', '.', '', '/etc/passwd', 'a\0b', 'a b'])(
  'a document cannot reach outside the folder of secrets: %j',
  (name) => {
    expect(() => loadSecretFile(dir, name)).toThrow(expect.objectContaining({ code: 'SECRET_NAME' }))
  },
)

test('a missing, an unconfigured and an empty secret are told apart', () => {
  expect(() => loadSecretFile(dir, 'absent')).toThrow(expect.objectContaining({ code: 'SECRET_MISSING' }))
  expect(() => loadSecretFile(undefined, 'absent')).toThrow(/SECRETS_DIR is not set/)
  expect(() => readSecretFile(join(dir, 'empty'))).toThrow(expect.objectContaining({ code: 'SECRET_EMPTY' }))
})

test('a workspace key that could be guessed is refused', () => {
  expect(() => loadWorkspaceKey(join(dir, 'short'))).toThrow(/fewer than 32 characters/)
  expect(() => loadWorkspaceKey(undefined)).toThrow(/WORKSPACE_KEY_FILE is not set/)
})
