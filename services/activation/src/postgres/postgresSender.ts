/**
 * Keeps a table of PostgreSQL: a row for each profile, with the fields of a sync. What comes together goes in one
 * transaction (destination/gather.ts); statements.ts says why nothing older lands on something newer.
 */
import { DEFAULT_TIMEOUT_MS, type DestinationDocument } from '@tributary/configuration'
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { loadSecretFile } from '@tributary/service-kit'
import type { Answer } from '../delivery/classify.ts'
import type { Sender } from '../delivery/dispatcher.ts'
import { type Gathered, gather } from '../destination/gather.ts'
import { type SecretProblem, createHeldSecrets } from '../destination/heldSecrets.ts'
import { failure, failureOf } from '../http/guardedHttp.ts'
import type { RowStore, RowTarget } from './rowStore.ts'
import { rowOf } from './rows.ts'
import { type DatabaseError, answerOfSqlState } from './sqlState.ts'

/** Rows of a transaction: some tens of milliseconds for a database. */
const MAX_ROWS = 250
const PORT = 5_432

export type PostgresSecrets = { readonly password: string; readonly ca: string | undefined } | SecretProblem

export function createPostgresSecrets(
  dir: string | undefined,
  clock: () => number,
): (destination: DestinationDocument) => PostgresSecrets {
  const held = createHeldSecrets<PostgresSecrets>(clock)
  return ({ postgres }) => {
    const files = [postgres?.password.file ?? '', ...(postgres?.ca ? [postgres.ca.file] : [])]
    return held(files.join('\0'), () => {
      const [password, ca] = files.map((file) => loadSecretFile(dir, file))
      return { password: password ?? '', ca }
    })
  }
}

export function createPostgresSender(options: {
  readonly secrets: (destination: DestinationDocument) => PostgresSecrets
  readonly rows: RowStore
}): Sender {
  const { secrets, rows } = options
  /** By document: another revision of it is another lane. */
  const lanes = new WeakMap<DestinationDocument, Gathered>()

  function laneOf(destination: DestinationDocument): Gathered {
    let lane = lanes.get(destination)
    if (!lane) {
      lane = gather({
        most: MAX_ROWS,
        request: (deliveries, signal) => write(destination, deliveries, signal),
      })
      lanes.set(destination, lane)
    }
    return lane
  }

  function write(
    destination: DestinationDocument,
    deliveries: readonly Delivery[],
    signal: AbortSignal,
  ): Promise<Answer> {
    return answered(signal, async () => {
      const target = targetOf(destination)
      if ('problem' in target) return failure('DATABASE_REFUSED', target.problem.message)
      await rows.write(target, deliveries.map(rowOf))
      return { kind: 'accepted' }
    })
  }

  function targetOf(destination: DestinationDocument): RowTarget | SecretProblem {
    const { id, postgres } = destination
    const read = secrets(destination)
    if ('problem' in read) return read
    if (!postgres) return { problem: { code: 'KIND_UNKNOWN', message: 'the destination names no table' } }
    const { host, port, database, user, table, tls, timeoutMs, allowPrivateAddresses } = postgres
    return {
      destination: id,
      host,
      port: port ?? PORT,
      database,
      user,
      password: read.password,
      table,
      tls: tls === 'off' ? undefined : { ca: read.ca },
      timeoutMs: timeoutMs ?? DEFAULT_TIMEOUT_MS,
      allowPrivate: allowPrivateAddresses === true,
    }
  }

  return {
    blocked(destination) {
      const read = secrets(destination)
      return 'problem' in read ? read.problem : undefined
    },
    send(destination, delivery, signal) {
      if (delivery.profileId !== '') return laneOf(destination)(delivery, signal)
      // The table is somebody's state, so nothing is written to it: it is there, and has what every row has.
      return answered(signal, async () => {
        const target = targetOf(destination)
        if ('problem' in target) return failure('DATABASE_REFUSED', target.problem.message)
        await rows.probe(target)
        return { kind: 'accepted' }
      })
    },
  }
}

/** What a database does is an answer; a stop does not wait for it. */
async function answered(signal: AbortSignal, work: () => Promise<Answer>): Promise<Answer> {
  const { promise: stopped, resolve } = Promise.withResolvers<Answer>()
  const stop = () => resolve(failure('TIMEOUT', 'this process stops'))
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([work().catch(answerOf), stopped])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function answerOf(error: unknown): Answer {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code))
    return answerOfSqlState(error as DatabaseError)
  // The client's own words, which have no code.
  const said = typeof message === 'string' ? message : ''
  if (/timeout/i.test(said) && code === undefined) return failure('TIMEOUT', 'it did not answer in time')
  if (/SSL/.test(said) && code === undefined)
    return failure('TLS_FAILED', 'the server does not speak TLS; `tls: off` would do without')
  return failureOf(error)
}
