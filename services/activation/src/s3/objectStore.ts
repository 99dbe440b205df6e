/**
 * The port to a store of objects, and S3 behind it.
 *
 *  O1. An object that `put` has answered for is there, whole; one that was not is there as it was before, or whole.
 *  O2. The address that was judged is the one that is connected to (addressGuard.ts, G3); redirects are not followed.
 *  O3. A call ends within its timeout. It is made once: the queue tries again.
 */
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { guardedLookup, literalRefusal } from '../http/addressGuard.ts'

export interface ObjectTarget {
  /** Connections are pooled by it. */
  readonly destination: string
  readonly bucket: string
  /** Undefined: Amazon's. */
  readonly endpoint: string | undefined
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly timeoutMs: number
  readonly allowPrivate: boolean
}

export interface ObjectStore {
  /** Rejects with the error of the connection, or one with the status of the answer in `$metadata`. */
  put(target: ObjectTarget, name: string, gzip: Uint8Array, signal: AbortSignal): Promise<void>
  close(): void
}

const MAX_CONNECT_MS = 5_000

export function createS3Objects(): ObjectStore {
  const clients = new Map<string, { readonly of: string; readonly client: S3Client }>()

  function clientOf(target: ObjectTarget): S3Client {
    const of = JSON.stringify(target)
    const known = clients.get(target.destination)
    if (known?.of === of) return known.client
    known?.client.destroy()
    const lookup = guardedLookup(target.allowPrivate)
    const client = new S3Client({
      region: target.region,
      // Services other than Amazon's have no name for each bucket.
      ...(target.endpoint !== undefined && { endpoint: target.endpoint, forcePathStyle: true }),
      credentials: { accessKeyId: target.accessKeyId, secretAccessKey: target.secretAccessKey },
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler({
        httpAgent: new HttpAgent({ keepAlive: true, lookup }),
        httpsAgent: new HttpsAgent({ keepAlive: true, lookup }),
        connectionTimeout: MAX_CONNECT_MS,
      }),
      // Many that speak S3 do not know the newer checksums; Content-Length and the signature hold the body together.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    })
    clients.set(target.destination, { of, client })
    return client
  }

  return {
    async put(target, name, gzip, signal) {
      const host = target.endpoint === undefined ? undefined : new URL(target.endpoint).hostname
      const refused = host === undefined ? undefined : literalRefusal(host, target.allowPrivate)
      if (refused !== undefined)
        throw Object.assign(new Error(`its address ${refused}`), { code: 'ADDRESS_REFUSED' })
      const command = new PutObjectCommand({
        Bucket: target.bucket,
        Key: name,
        Body: gzip,
        ContentLength: gzip.byteLength,
        ContentType: 'application/gzip',
      })
      await clientOf(target).send(command, {
        abortSignal: AbortSignal.any([signal, AbortSignal.timeout(target.timeoutMs)]),
      })
    },
    close() {
      for (const { client } of clients.values()) client.destroy()
    },
  }
}
