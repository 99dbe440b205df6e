import { expect, test } from '@jest/globals'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { documentNeeds, provideSecrets } from './exampleDocuments.ts'

const DOCUMENTS = [
  `kind: Source
id: web
http: {keys: [{kind: client, value: wk_web_1}, {kind: secret, file: web-key}]}
---
kind: Source
id: crm
http: {keys: [{kind: secret, file: crm-key}]}
---
kind: Source
id: pos
kafka: {topic: retail.receipts}
`,
  `kind: Destination
id: hook
webhook: {url: 'http://127.0.0.1:1/', signingSecret: {file: crm-webhook}}
`,
]

test('documents say which secret files, topics and write keys they need', () => {
  const needs = documentNeeds(DOCUMENTS)
  expect(needs.secrets).toEqual([
    { name: 'web-key', use: 'write key' },
    { name: 'crm-key', use: 'write key' },
    { name: 'crm-webhook', use: 'signing secret' },
  ])
  expect(needs.topics).toEqual(['retail.receipts'])
})

test('missing secrets are made once, for their owner only, and write keys are given as clients send them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-secrets-'))
  try {
    const first = await provideSecrets(documentNeeds(DOCUMENTS), folder)
    const again = await provideSecrets(documentNeeds(DOCUMENTS), folder)
    expect(again).toEqual(first)
    expect(first).toEqual({ web: 'wk_web_1', crm: expect.stringMatching(/^wk_[0-9a-f]{32}$/) })
    expect(await readFile(join(folder, 'crm-webhook'), 'utf8')).toMatch(/^whsec_/)
    expect((await stat(join(folder, 'crm-key'))).mode & 0o777).toBe(0o600)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
