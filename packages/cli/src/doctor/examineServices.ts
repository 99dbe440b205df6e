import { credentials, Client, type ServiceError } from '@grpc/grpc-js'
import { findCollector, findService, type ServiceName } from '../connections.ts'
import type { Context } from '../context.ts'
import { fine, unknown, wrong, type Check } from './finding.ts'

const names: readonly ServiceName[] = ['identity-stitcher', 'profile-store', 'activation']

/** Longest wait for a service to say how it is, ms. */
const DEADLINE_MS = 5_000

export async function examineServices(context: Context): Promise<Check[]> {
  const checks: Check[] = [await examineCollector(findCollector(context))]
  for (const name of names) {
    const target = findService(context, name)
    checks.push(
      target
        ? await examineService(name, target.address)
        : unknown(
            name,
            'its address is not known here',
            `set ${name.toUpperCase().replace('-', '_')}_GRPC=host:port to look at it`,
          ),
    )
  }
  return checks
}

async function examineCollector(address: string | undefined): Promise<Check> {
  if (address === undefined)
    return unknown(
      'collector',
      'its address is not known here',
      'set COLLECTOR_HTTP=http://host:port to look at it',
    )
  try {
    // Whatever it answers, it is there; its own readiness is at its admin port.
    await fetch(address, { signal: AbortSignal.timeout(DEADLINE_MS) })
    return fine('collector', `answers at ${address}`)
  } catch (error) {
    return wrong(
      'collector',
      `does not answer at ${address} (${causeOf(error)})`,
      'is it running? its log says why not',
    )
  }
}

function causeOf(error: unknown): string {
  const { cause, message } = error as Error
  return cause instanceof Error ? cause.message : message
}

async function examineService(name: string, address: string): Promise<Check> {
  try {
    const status = await health(address)
    return status === SERVING
      ? fine(name, `serves at ${address}`)
      : wrong(
          name,
          `answers at ${address}, but is not ready`,
          'it may be restoring: /readyz at its admin port says what it waits for',
        )
  } catch (error) {
    const { details, message } = error as ServiceError
    return wrong(
      name,
      `does not answer at ${address} (${details ?? message})`,
      'is it running? its log says why not',
    )
  }
}

/** HealthCheckResponse.ServingStatus of grpc.health.v1. */
const SERVING = 1

/** The standard health check, whose request is empty and whose answer is one number: field 1, a varint. */
function health(address: string): Promise<number> {
  const client = new Client(address, credentials.createInsecure())
  return new Promise<number>((resolve, reject) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (request: Buffer) => request,
      (answer: Buffer) => (answer[0] === 0x08 ? (answer[1] ?? 0) : 0),
      Buffer.alloc(0),
      { deadline: Date.now() + DEADLINE_MS },
      (error, status) => (error ? reject(error) : resolve(status ?? 0)),
    )
  }).finally(() => client.close())
}
