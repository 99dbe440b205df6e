/** Names and content of the objects that hold files of deliveries. Pure. */
import type { DestinationDocument } from '@tributary/configuration'
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { DeliveryFile } from '../delivery/files.ts'

/** Twelve digits sort as numbers for 10^12 deliveries of a partition. */
const DIGITS = 12

/**
 * `<prefix>/<destination>/date=2026-01-31/<partition>-<first>-<last>.ndjson.gz`. The day is that of its first change, so
 * that the same file has the same name whenever it is sent.
 */
export function objectName({ id, s3 }: DestinationDocument, file: DeliveryFile): string {
  const day = new Date(file.sinceMs).toISOString().slice(0, 10)
  const [first, last] = [file.first, file.last].map((number) => String(number).padStart(DIGITS, '0'))
  return `${folderOf(id, s3?.prefix)}date=${day}/${file.partition}-${first}-${last}.ndjson.gz`
}

/** Of the object that a test writes, over the one of the last test. */
export function testObjectName({ id, s3 }: DestinationDocument): string {
  return `${folderOf(id, s3?.prefix)}test.ndjson.gz`
}

function folderOf(destination: string, prefix: string | undefined): string {
  return `${prefix === undefined ? '' : `${prefix}/`}${destination}/`
}

/** Its body with what tells it apart: `{"id", "sync", "profileId", "version", "type", "timestamp", "data"}`. */
export function lineOf({ id, syncId, profileId, version, body }: Delivery): string {
  const head = JSON.stringify({ id, sync: syncId, profileId, version })
  return `${head.slice(0, -1)},${body.slice(1)}\n`
}
