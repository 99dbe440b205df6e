/** Puts files of deliveries into a bucket: gzip of a line each. delivery/files.ts says what is in one, and why. */
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { buffer } from 'node:stream/consumers'
import { DEFAULT_FILE_SECONDS, DEFAULT_TIMEOUT_MS, type DestinationDocument } from '@tributary/configuration'
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { loadSecretFile } from '@tributary/service-kit'
import type { Answer } from '../delivery/classify.ts'
import type { Sender } from '../delivery/dispatcher.ts'
import { type SecretProblem, createHeldSecrets } from '../destination/heldSecrets.ts'
import { failure, failureOf } from '../http/guardedHttp.ts'
import type { ObjectStore } from './objectStore.ts'
import { lineOf, objectName, testObjectName } from './objects.ts'

const REGION = 'us-east-1'
/** A service that is overloaded says 503 and not for how long: as Amazon asks, seconds. */
const SLOW_DOWN_MS = 5_000

export type S3Secrets = { readonly accessKeyId: string; readonly secretAccessKey: string } | SecretProblem

export function createS3Secrets(
  dir: string | undefined,
  clock: () => number,
): (destination: DestinationDocument) => S3Secrets {
  const held = createHeldSecrets<S3Secrets>(clock)
  return ({ s3 }) => {
    const files = [s3?.accessKeyId.file ?? '', s3?.secretAccessKey.file ?? '']
    return held(files.join('\0'), () => {
      const [accessKeyId = '', secretAccessKey = ''] = files.map((file) => loadSecretFile(dir, file))
      return { accessKeyId, secretAccessKey }
    })
  }
}

export function createS3Sender(options: {
  readonly secrets: (destination: DestinationDocument) => S3Secrets
  readonly objects: ObjectStore
}): Sender {
  const { secrets, objects } = options

  async function put(
    destination: DestinationDocument,
    name: string,
    deliveries: readonly Delivery[],
    signal: AbortSignal,
  ): Promise<Answer> {
    const { id, s3 } = destination
    const read = secrets(destination)
    if (!s3 || 'problem' in read) return failure('URL_INVALID', 'the destination has no bucket or no secret')
    const timeoutMs = s3.timeoutMs ?? DEFAULT_TIMEOUT_MS
    const target = {
      ...read,
      destination: id,
      bucket: s3.bucket,
      endpoint: s3.endpoint,
      region: s3.region ?? REGION,
      timeoutMs,
      allowPrivate: s3.allowPrivateAddresses === true,
    }
    try {
      await objects.put(target, name, await compressed(deliveries), signal)
      return { kind: 'accepted' }
    } catch (error) {
      return answerOf(error, timeoutMs)
    }
  }

  return {
    blocked(destination) {
      const read = secrets(destination)
      return 'problem' in read ? read.problem : undefined
    },
    send: (destination, delivery, signal) =>
      put(destination, testObjectName(destination), [delivery], signal),
    files: {
      longestMs: ({ s3 }) => (s3 ? (s3.everySeconds ?? DEFAULT_FILE_SECONDS) * 1_000 : undefined),
      send: (destination, file, signal) =>
        put(destination, objectName(destination, file), file.deliveries, signal),
    },
  }
}

/** A line after the other, so that only the compressed whole is held; the same bytes for the same deliveries. */
function compressed(deliveries: readonly Delivery[]): Promise<Buffer> {
  return buffer(Readable.from(deliveries.map(lineOf)).pipe(createGzip()))
}

/** No object is refused for what is in it: what a client does wrong is about the bucket, its keys or its name. */
function answerOf(error: unknown, timeoutMs: number): Answer {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } }
  const status = $metadata?.httpStatusCode
  if (status !== undefined) {
    if (status === 429 || status === 503)
      return { kind: 'status', status, verdict: 'wait', retryAfterMs: SLOW_DOWN_MS }
    const isTheirs = status >= 500 || status === 408 || status === 409
    return { kind: 'status', status, verdict: isTheirs ? 'retry' : 'pause' }
  }
  if (name === 'AbortError' || name === 'TimeoutError')
    return failure('TIMEOUT', `no answer within ${timeoutMs} ms`)
  return failureOf(error)
}
