/**
 * Rows of the delivery task's state.
 *
 * | table       | key                                             | value                                         |
 * |-------------|-------------------------------------------------|-----------------------------------------------|
 * | queue       | destination ‖ lane ‖ order                      | the delivery and its tries                    |
 * | due         | destination ‖ time ‖ lane                       | key of the queue's row: only heads have one   |
 * | destination | destination                                     | DestinationState                              |
 * | order       | "next"                                          | number the next arrival gets                  |
 * | pending     | destination                                     | how many rows the queue has for it            |
 * | dead        | as in the queue                                 | what was given up, until somebody decides     |
 * | dead-count  | destination                                     | how many rows dead has for it                 |
 */
import { KEY_SEPARATOR, topics } from '@tributary/contracts'
import {
  DeadDelivery,
  type Delivery,
  PendingDelivery,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { TableSpec } from '@tributary/stream-runtime'
import { jsonCodec } from '../jsonCodec.ts'
import type { DestinationState } from './destinationState.ts'

const changeLog = topics.deliveryState

export const queueTable: TableSpec<PendingDelivery> = {
  name: 'queue',
  changeLog,
  codec: {
    encode: (row) => PendingDelivery.encode(row).finish(),
    decode: (bytes) => PendingDelivery.decode(bytes),
  },
}
export const dueTable: TableSpec<string> = { name: 'due', changeLog, codec: jsonCodec<string>() }
export const destinationTable: TableSpec<DestinationState> = {
  name: 'destination',
  changeLog,
  codec: jsonCodec<DestinationState>(),
}
export const orderTable: TableSpec<number> = { name: 'order', changeLog, codec: jsonCodec<number>() }
/** So that the size of a queue of millions is known without counting it. */
export const pendingTable: TableSpec<number> = { name: 'pending', changeLog, codec: jsonCodec<number>() }

export const deadTable: TableSpec<DeadDelivery> = {
  name: 'dead',
  changeLog,
  codec: {
    encode: (row) => DeadDelivery.encode(row).finish(),
    decode: (bytes) => DeadDelivery.decode(bytes),
  },
}
export const deadCountTable: TableSpec<number> = { name: 'dead-count', changeLog, codec: jsonCodec<number>() }

/** Sorts after every character of an id, a number and KEY_SEPARATOR. */
const AFTER = '~'

export interface KeyRange {
  readonly from: string
  readonly to: string
}

/** Fifteen digits: 10^15 arrivals, and milliseconds until the year 33658. */
function padded(number: number): string {
  return String(number).padStart(15, '0')
}

/** What a delivery keeps its order in: its profile, unless it says otherwise. */
function laneOf({ lane, profileId }: Delivery): string {
  return lane === '' ? profileId : lane
}

export function queueKey(delivery: Delivery, order: number): string {
  return [delivery.destinationId, laneOf(delivery), padded(order)].join(KEY_SEPARATOR)
}

/** The number in the key of a row. */
export function orderIn(key: string): number {
  return Number(key.slice(key.lastIndexOf(KEY_SEPARATOR) + 1))
}

/** All waiting deliveries of the same destination and lane, oldest first. */
export function queueOf(delivery: Delivery): KeyRange {
  const from = [delivery.destinationId, laneOf(delivery), ''].join(KEY_SEPARATOR)
  return { from, to: from + AFTER }
}

/** Those of a lane from one row to another, both included. */
export function rowsBetween(first: string, last: string): KeyRange {
  return { from: first, to: `${last}!` }
}

export function dueKey(delivery: Delivery, dueMs: number): string {
  return [delivery.destinationId, padded(dueMs), laneOf(delivery)].join(KEY_SEPARATOR)
}

/** Heads of one destination that are due by `nowMs`, longest due first. */
export function dueBy(destination: string, nowMs: number): KeyRange {
  const prefix = destination + KEY_SEPARATOR
  return { from: prefix, to: prefix + padded(Math.max(0, nowMs) + 1) }
}

/** Everything of one destination; of all when it is empty. */
export function everythingOf(destination: string): KeyRange {
  if (destination === '') return { from: '', to: AFTER }
  const prefix = destination + KEY_SEPARATOR
  return { from: prefix, to: prefix + AFTER }
}
