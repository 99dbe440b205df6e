/** The main job: play the week, wait until everything has arrived everywhere, ask, and judge. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExplainResponse } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import type { ProfileRecord } from '@tributary/contracts'
import { OfficeClient } from './officeClient.ts'
import { playWeek, type Played } from './playWeek.ts'
import { Questions, type Reached, type SourceCounts, type TypedValue } from './questions.ts'
import type { Shop } from './shop.ts'
import type { AudienceId, Customer, Send, ShopWeek } from './shopWeek.ts'
import { isSettled, judge, type Check } from './verdict.ts'

export interface WeekResult {
  played: Played
  settledSeconds: number
  perSource: SourceCounts[]
  rejections: { code: string; count: number; example: string }[]
  skips: Record<string, number>
  reached: Reached
  shown: {
    who: TypedValue[]
    profile: ProfileRecord
    why: { a: TypedValue; b: TypedValue; answer: ExplainResponse }[]
  }
  audiences: Record<AudienceId, number>
  ledger: { balances: boolean; text: string }
  checks: Check[]
}

export interface Watching {
  progress(what: string, done: number, of: number): void
  /** Between the last event and the first question. */
  beforeAsking?(): Promise<void>
}

/** Everything arrives within seconds; a minute and a half says that something is stuck. */
const SETTLE_MS = 90_000
const POLL_MS = 250

export async function runWeek(shop: Shop, week: ShopWeek, watching: Watching): Promise<WeekResult> {
  const refused = await knockWrongly(shop)
  const played = await playWeek(week, shop.doors, (done, of) =>
    watching.progress('playing the week', done, of),
  )
  await watching.beforeAsking?.()
  const questions = await Questions.open(shop)
  try {
    const started = performance.now()
    const reached = await settle(questions, week, watching)
    const settledSeconds = (performance.now() - started) / 1000
    const perSource = await questions.perSource()
    const rejections = await questions.rejections()
    const skips = await questions.skips()
    const publicProfiles = [...(await questions.publicProfiles()).values()].filter(
      (p) => !('mergedInto' in p),
    )
    const members = await questions.members()
    const audiences = Object.fromEntries(
      Object.keys(week.expected.audiences).map((id) => [id, members.get(id)?.size ?? 0]),
    ) as Record<AudienceId, number>
    const shown = await show(questions, week.shown)
    const ledger = await audit(shop)
    const { receiver } = shop
    const checks = judge(week, {
      played,
      reached,
      perSource,
      skips,
      publicProfiles: publicProfiles.length,
      audiences,
      webhooks: {
        received: receiver.received.length,
        forged: receiver.forged,
        delivered: reached.deliveriesDelivered,
      },
      shown: {
        sameProfile: shown.same,
        orders: shown.profile.computed['orders'],
        spend: shown.profile.computed['spend'],
        together: shown.why.every(({ answer }) => answer.together),
      },
      ticketKept: await ticketKept(questions, week),
      refused,
      ledgerBalances: ledger.balances,
    })
    return { played, settledSeconds, perSource, rejections, skips, reached, shown, audiences, ledger, checks }
  } finally {
    await questions.close()
  }
}

/** A wrong key and a body that is no JSON: clear answers, nothing taken. */
async function knockWrongly({ doors }: Shop): Promise<{ wrongKey: number; brokenBody: number }> {
  const stranger = new OfficeClient(doors.http, 'wk_nobody')
  const office = new OfficeClient(doors.http, doors.writeKeys.crm)
  const event = { type: 'track', event: 'Knock', anonymousId: 'stranger', messageId: 'knock' }
  return {
    wrongKey: (await stranger.send([event])).status,
    brokenBody: (await office.post('{"batch": [')).status,
  }
}

async function settle(questions: Questions, week: ShopWeek, watching: Watching): Promise<Reached> {
  const sent = week.sends.length
  const deadline = performance.now() + SETTLE_MS
  let settledOnce = false
  for (;;) {
    const reached = await questions.reached()
    watching.progress('until everything has arrived', reached.eventsStored + reached.rejectedStored, sent)
    // Twice in a row: deliveries that follow from the last change may not have been asked for yet.
    if (isSettled(week, reached)) {
      if (settledOnce) return reached
      settledOnce = true
    } else settledOnce = false
    if (performance.now() > deadline) return reached
    await sleep(settledOnce ? 4 * POLL_MS : POLL_MS)
  }
}

async function show(
  questions: Questions,
  customer: Customer,
): Promise<WeekResult['shown'] & { same: boolean }> {
  const who: TypedValue[] = [
    { type: 'user_id', value: customer.userId! },
    { type: 'loyalty_id', value: customer.loyaltyId! },
    { type: 'email', value: customer.email! },
    ...customer.anonymousIds.map((value) => ({ type: 'anonymous_id', value })),
  ]
  const profiles = await Promise.all(who.map((one) => questions.profile(one)))
  const [a, ...others] = who
  const why = await Promise.all(
    others.map(async (b) => ({ a: a!, b, answer: await questions.explain(a!, b) })),
  )
  const same = profiles.every((profile) => profile.profileId === profiles[0]!.profileId)
  return { who, profile: profiles[0]!, why, same }
}

/** The ticket numbers of the help desk are beyond 2^53; the stored bytes must have them digit for digit. */
async function ticketKept(questions: Questions, week: ShopWeek): Promise<boolean> {
  const ticket = week.sends.find((send): send is Extract<Send, { event: object }> => send.via === 'support')
  if (!ticket) return true
  const raw = await questions.rawOf(String(ticket.event['messageId']))
  return raw !== undefined && raw.includes('"ticket":9007199254740993')
}

/** The ledger as anyone would check it: with the command. */
async function audit(shop: Shop): Promise<WeekResult['ledger']> {
  try {
    return { balances: true, text: await shop.installation.tributary(['audit']) }
  } catch (error) {
    return { balances: false, text: error instanceof Error ? error.message : String(error) }
  }
}
