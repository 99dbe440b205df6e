/** The shop's week through the Service, judged as `make demo` does. */
import { setTimeout as sleep } from 'node:timers/promises'
import { tributary } from '../../../deploy/local/src/runTributary.ts'
import { runWeek } from '../../demo/runWeek.ts'
import type { Shop } from '../../demo/shop.ts'
import { makeShopWeek } from '../../demo/shopWeek.ts'
import type { Check } from '../../demo/verdict.ts'
import type { PlayerWorld } from './playerWorld.ts'

export interface WeekPlayed {
  events: number
  settledS: number
  checks: Check[]
}

/** A quarter of the demo's: two cores hold the whole cluster. */
const PEOPLE = 100
const PROGRESS_EVERY = 500
const LOOK_MS = 500

export async function playWeekHere(
  world: PlayerWorld,
  { seed, finished }: { seed: number; finished: () => boolean },
): Promise<WeekPlayed> {
  const { settings, receiver, writeKeys, receiptTopic, grpcTokenFile, say } = world
  const shop: Shop = {
    installation: {
      settings,
      secrets: { workspaceKey: '', grpcToken: grpcTokenFile, documents: '' },
      addresses: () => ({
        collector: { http: settings['COLLECTOR_HTTP']! },
        identityStitcher: { grpc: settings['IDENTITY_STITCHER_GRPC']! },
        profileStore: { grpc: settings['PROFILE_STORE_GRPC']! },
        activation: { grpc: settings['ACTIVATION_GRPC']! },
      }),
      tributary: (args) => tributary(args, settings),
    },
    receiver,
    doors: {
      http: settings['COLLECTOR_HTTP']!,
      brokers: settings['KAFKA_BROKERS']!.split(','),
      receipts: receiptTopic,
      writeKeys: {
        web: writeKeys['web']!,
        crm: writeKeys['crm']!,
        email: writeKeys['email']!,
        support: writeKeys['support']!,
      },
    },
    stop: () => receiver.stop(),
  }
  const week = makeShopWeek(seed, Date.now(), PEOPLE)
  let shown = 0
  const result = await runWeek(shop, week, {
    progress(what, done, of) {
      if (done - shown < PROGRESS_EVERY && done !== of) return
      shown = done
      say(`${what}: ${done} of ${of}`)
    },
    // What is still disturbed may answer UNAVAILABLE: that is no comparison.
    async beforeAsking() {
      say('the week is played')
      while (!finished()) await sleep(LOOK_MS)
    },
  })
  return { events: week.sends.length, settledS: result.settledSeconds, checks: result.checks }
}
