/** What a finding needs of this machine: room on the disk of the state, and certificates that are valid still. */
import { X509Certificate } from 'node:crypto'
import { readFileSync, statfsSync } from 'node:fs'
import { fine, unknown, wrong, type Check } from './finding.ts'

/** A restore writes the whole state beside nothing else; below this share a busy day may fill the disk. */
const LEAST_FREE_SHARE = 0.1
/** Renewal is a matter of days where people do it. */
const RENEW_BEFORE_MS = 14 * 86_400_000

/** Settings that name files with certificates. */
const CERTIFICATES = [
  'KAFKA_TLS_CA_FILE',
  'KAFKA_TLS_CERT_FILE',
  'CLICKHOUSE_CA_FILE',
  'GRPC_TLS_CERT_FILE',
  'GRPC_TLS_CLIENT_CA_FILE',
  'GRPC_TLS_CA_FILE',
  'GRPC_TLS_CLIENT_CERT_FILE',
] as const

export function examineHost(env: Readonly<Record<string, string | undefined>>, nowMs: number): Check[] {
  return [
    examineDisk(env['DATA_DIR']),
    ...CERTIFICATES.flatMap((setting) => {
      const file = env[setting]
      return file === undefined ? [] : examineCertificates(setting, file, nowMs)
    }),
  ]
}

function examineDisk(directory: string | undefined): Check {
  if (directory === undefined)
    return unknown('disk', 'the folder of the state is not known here', 'set DATA_DIR to look at its disk')
  try {
    const { bavail, blocks, bsize } = statfsSync(directory)
    return diskCheck(directory, bavail * bsize, blocks * bsize)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return wrong('disk', `${directory} cannot be looked at (${code})`, 'mount the volume of the state there')
  }
}

/** `free`, `size`: bytes. */
export function diskCheck(where: string, free: number, size: number): Check {
  const said = `${where} has ${gibibytes(free)} of ${gibibytes(size)} GiB free`
  return free < size * LEAST_FREE_SHARE
    ? wrong('disk', said, 'make it larger; `tributary sizing` says how large it should be')
    : fine('disk', said)
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1)
}

function examineCertificates(setting: string, file: string, nowMs: number): Check[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return [wrong('TLS', `${file} cannot be read (${code})`, `mount it, or set ${setting}`)]
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return [wrong('TLS', `${file} holds no certificate`, `give ${setting} a PEM file`)]
  return blocks.map((block) => certificateCheck(setting, file, block, nowMs))
}

function certificateCheck(setting: string, file: string, pem: string, nowMs: number): Check {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pem)
  } catch {
    return wrong('TLS', `${file} holds a certificate that cannot be read`, `give ${setting} a PEM file`)
  }
  const fromMs = Date.parse(certificate.validFrom)
  const untilMs = Date.parse(certificate.validTo)
  const date = (ms: number) => new Date(ms).toISOString().slice(0, 10)
  if (nowMs < fromMs)
    return wrong(
      'TLS',
      `${file} is valid only from ${date(fromMs)}`,
      'see that the clock is right, or replace it',
    )
  if (nowMs >= untilMs) return wrong('TLS', `${file} was valid until ${date(untilMs)}`, 'replace it')
  return untilMs - nowMs < RENEW_BEFORE_MS
    ? wrong('TLS', `${file} is valid only until ${date(untilMs)}`, 'renew it now')
    : fine('TLS', `${file} is valid until ${date(untilMs)}`)
}
