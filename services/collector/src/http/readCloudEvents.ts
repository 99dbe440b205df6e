/**
 * CloudEvents over HTTP: the content type tells a batch and a structured event, `ce-` headers the binary mode.
 * Specification: CloudEvents HTTP protocol binding 1.0.2.
 */
import { type IncomingHttpHeaders } from 'node:http'
import {
  type BodyProblem,
  type Decode,
  type ReceivedItem,
  composeCloudEvent,
  readArray,
  readSingle,
} from '@tributary/domain'
import { bodyText } from './bodyText.ts'

const BATCH = 'application/cloudevents-batch'
const STRUCTURED = 'application/cloudevents'

export function readCloudEvents(
  body: Buffer,
  headers: IncomingHttpHeaders,
  limits: { readonly maxItems: number },
  decode: Decode,
): readonly ReceivedItem[] | BodyProblem {
  const contentType = headers['content-type']
  const type = (contentType ?? '').toLowerCase()
  if (type.startsWith(BATCH)) return readArray(body, limits, decode)
  if (type.startsWith(STRUCTURED)) return one(readSingle(body, decode))
  const attributes = attributesIn(headers)
  if (Object.keys(attributes).length === 0)
    return {
      code: 'invalid_body',
      message: `no CloudEvent: send ${STRUCTURED}+json, ${BATCH}+json, or ce- headers`,
    }
  const whole = Buffer.from(composeCloudEvent(attributes, contentType, body, (bytes) => base64(bytes)))
  return one(readSingle(whole, bodyText(whole).decode))
}

function one(item: ReceivedItem | BodyProblem): readonly ReceivedItem[] | BodyProblem {
  return 'code' in item ? item : [item]
}

function attributesIn(headers: IncomingHttpHeaders): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith('ce-') && typeof value === 'string') attributes[name.slice(3)] = decoded(value)
  return attributes
}

/** Values are percent-encoded where they hold more than printable ASCII. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
