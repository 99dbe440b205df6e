import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { selfSignedCertificate } from '@tributary/service-kit/testing'
import { diskCheck, examineHost } from './examineHost.ts'

const DAY = 86_400_000
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-host-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function certificateAt(nowMs: number): string {
  const file = join(folder, 'tls.crt')
  writeFileSync(file, selfSignedCertificate('test', nowMs).cert)
  return file
}

const tls = (file: string, nowMs: number) =>
  examineHost({ GRPC_TLS_CERT_FILE: file, DATA_DIR: folder }, nowMs).filter(({ area }) => area === 'TLS')

test('a certificate that runs out, has run out, or is not valid yet is found, with what to do', () => {
  const madeMs = Date.UTC(2026, 10, 1)
  // It is valid for a day.
  const file = certificateAt(madeMs)
  expect(tls(file, madeMs)).toMatchObject([
    { state: 'wrong', message: `${file} is valid only until 2026-11-02` },
  ])
  expect(tls(file, madeMs + 3 * DAY)).toMatchObject([{ state: 'wrong', remedy: 'replace it' }])
  expect(tls(file, madeMs - 3 * DAY)).toMatchObject([
    { state: 'wrong', message: `${file} is valid only from 2026-10-31` },
  ])
})

test('a file that is not there, or holds no certificate, is found', () => {
  expect(tls(join(folder, 'none'), 0)).toMatchObject([
    {
      state: 'wrong',
      message: expect.stringMatching('ENOENT'),
      remedy: 'mount it, or set GRPC_TLS_CERT_FILE',
    },
  ])
  writeFileSync(join(folder, 'key'), 'no certificate')
  expect(tls(join(folder, 'key'), 0)).toMatchObject([
    { state: 'wrong', remedy: 'give GRPC_TLS_CERT_FILE a PEM file' },
  ])
})

test('a disk that is nearly full, and a folder that is not there, are found', () => {
  const GIB = 2 ** 30
  expect(diskCheck('/data', 5 * GIB, 100 * GIB)).toMatchObject({
    state: 'wrong',
    message: '/data has 5.0 of 100.0 GiB free',
  })
  expect(diskCheck('/data', 50 * GIB, 100 * GIB).state).toBe('fine')
  expect(examineHost({ DATA_DIR: join(folder, 'none') }, 0)).toMatchObject([{ area: 'disk', state: 'wrong' }])
  expect(examineHost({}, 0)).toMatchObject([{ area: 'disk', state: 'unknown' }])
})
