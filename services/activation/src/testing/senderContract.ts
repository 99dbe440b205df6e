/**
 * What the dispatcher may count on, whatever kind of destination it sends to. Run against the fake and the real thing
 * of each kind.
 *
 *  S1. What is answered as delivered is at the destination, once the call has been answered.
 *  S2. Deliveries of one profile, each sent after the answer to the last, arrive in that order.
 *  S3. Nothing a destination does is an exception: one that cannot be reached is an answer that leads to another try.
 *  S4. A destination that is back is sent to again, without a restart.
 *  S5. Calls side by side do not disturb each other.
 */
import { expect, test } from '@jest/globals'
import type { DestinationDocument } from '@tributary/configuration'
import { versionOf } from '@tributary/contracts'
import { type Classified, classify } from '../delivery/classify.ts'
import type { Sender } from '../delivery/dispatcher.ts'
import { delivery } from './deliveries.ts'

export interface SenderWorld {
  readonly sender: Sender
  readonly destination: DestinationDocument
  /** Bodies that have arrived about a profile, in order, repetitions taken out by id. */
  arrived(profileId: string): Promise<readonly string[]>
  /** Nothing can be sent until `mend`. */
  breakOff(): Promise<void>
  mend(): Promise<void>
}

export function senderContract(name: string, world: () => SenderWorld): void {
  let sent = 0

  async function send(id: string, profileId: string): Promise<Classified> {
    const { sender, destination } = world()
    const item = delivery(id, { profileId, version: versionOf(1, ++sent), body: bodyOf(id, profileId) })
    return classify(await sender.send(destination, item, new AbortController().signal))
  }
  const bodyOf = (id: string, profileId: string) =>
    JSON.stringify({ profileId, data: { id, name: 'Zoë 😀' } })

  test(`${name}: what is answered as delivered has arrived, in the order it was sent`, async () => {
    expect(world().sender.blocked(world().destination)).toBeUndefined()
    for (const id of ['o1', 'o2', 'o3']) expect((await send(id, 'ordered')).verdict).toBe('delivered')
    expect(await world().arrived('ordered')).toEqual(['o1', 'o2', 'o3'].map((id) => bodyOf(id, 'ordered')))
  })

  test(`${name}: calls side by side all arrive`, async () => {
    const ids = Array.from({ length: 30 }, (_, n) => `s${n}`)
    const answers = await Promise.all(ids.map((id) => send(id, `side-${id}`)))
    expect(answers.map(({ verdict }) => verdict)).toEqual(ids.map(() => 'delivered'))
    const arrived = await Promise.all(ids.map((id) => world().arrived(`side-${id}`)))
    expect(arrived).toEqual(ids.map((id) => [bodyOf(id, `side-${id}`)]))
  })

  test(`${name}: one that cannot be reached leads to another try, and is sent to when it is back`, async () => {
    await world().breakOff()
    const answer = await send('b1', 'broken')
    expect([answer.verdict, answer.message]).toEqual(['retry', expect.any(String)])
    await world().mend()
    expect((await send('b1', 'broken')).verdict).toBe('delivered')
    expect(await world().arrived('broken')).toEqual([bodyOf('b1', 'broken')])
  })
}
