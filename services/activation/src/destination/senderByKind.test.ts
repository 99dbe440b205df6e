import { expect, test } from '@jest/globals'
import type { DestinationDocument } from '@tributary/configuration'
import type { Sender } from '../delivery/dispatcher.ts'
import { delivery } from '../testing/deliveries.ts'
import { senderByKind } from './senderByKind.ts'

const answering = (status: number): Sender => ({
  blocked: () => (status === 1 ? { code: 'SECRET_MISSING', message: 'no file' } : undefined),
  send: async () => ({ kind: 'status', status }),
})
const destination = (kind: string) =>
  ({ kind: 'Destination', id: 'd', [kind]: {} }) as unknown as DestinationDocument

const sender = senderByKind({ webhook: answering(200), kafka: answering(1) })
const { signal } = new AbortController()

test('each destination goes to the sender of its kind', async () => {
  expect(await sender.send(destination('webhook'), delivery('a'), signal)).toMatchObject({ status: 200 })
  expect(await sender.send(destination('kafka'), delivery('a'), signal)).toMatchObject({ status: 1 })
  expect(sender.blocked(destination('webhook'))).toBeUndefined()
  expect(sender.blocked(destination('kafka'))).toMatchObject({ code: 'SECRET_MISSING' })
})

test('a kind that nothing sends to is held, and what is to be sent is kept', async () => {
  expect(sender.blocked(destination('s3'))).toMatchObject({ code: 'KIND_UNKNOWN' })
  expect(await sender.send(destination('s3'), delivery('a'), signal)).toMatchObject({ kind: 'failure' })
})
