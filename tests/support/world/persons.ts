import { type Random } from '../../demo/random.ts'
import { type WorldOptions } from './worldPresets.ts'

export interface Device {
  readonly id: string
  /** Whether its person ever logs in from it. */
  readonly logsIn: boolean
  readonly skewMs: number
}

/** What a person uses besides its own. */
export interface Home {
  readonly shared: Device | undefined
  readonly kiosk: Device | undefined
}

export interface Person {
  readonly index: number
  /** None: a stranger. */
  readonly accounts: readonly string[]
  readonly card: string | undefined
  /** The second is used from the middle of the time on. */
  readonly emails: readonly string[]
  readonly devices: readonly Device[]
  readonly home: Home
}

/** An address that stands on no list, as a form sends it when nothing was typed. */
export const UNKNOWN_PLACEHOLDER = 'email@notset.invalid'
/** Two days: a clock further off is flagged and set right by the collector. */
const MAX_SKEW_MS = 2 * 86_400_000
/** Persons per kiosk: more than any `sharedAfter`, so that it is found out. */
const PERSONS_PER_KIOSK = 20

export function createPersons(options: WorldOptions, random: Random): readonly Person[] {
  const persons: Person[] = []
  const device = (name: string, logsIn: boolean): Device => ({
    id: `${name}-${random.hex(8)}`,
    logsIn,
    skewMs: random.chance(options.skewed) ? random.between(-MAX_SKEW_MS, MAX_SKEW_MS) : 0,
  })
  const kiosks = Array.from(
    { length: Math.max(1, Math.round((options.persons * options.kiosk) / PERSONS_PER_KIOSK)) },
    (_, n) => device(`kiosk-${n}`, true),
  )
  for (let index = 0; index < options.persons; index++) {
    const previous = persons.at(-1)
    const stranger = random.chance(options.strangers)
    const recycled = previous !== undefined && random.chance(options.recycled)
    const emails = stranger ? [] : emailsOf(index, previous, options, random, recycled)
    const devices = [device(`d-${index}`, true)]
    const count = stranger ? 1 : random.pick([1, 1, 1, 1, 1, 2, 2, 2, 3, 4])
    while (devices.length < count)
      devices.push(device(`d-${index}-${devices.length}`, !random.chance(options.unlinkedDevices)))
    // A device that was another's before.
    if (recycled && previous && random.chance(0.5)) devices.push(previous.devices[0]!)
    persons.push({
      index,
      accounts: stranger
        ? []
        : [`u-${index}`, ...(random.chance(options.secondAccounts) ? [`u-${index}-second`] : [])],
      card: !stranger && random.chance(options.loyalty) ? `card-${index}` : undefined,
      emails,
      devices,
      home: {
        shared: random.chance(options.sharedDevices) ? previous?.devices[0] : undefined,
        kiosk: random.chance(options.kiosk) ? random.pick(kiosks) : undefined,
      },
    })
  }
  return persons
}

function emailsOf(
  index: number,
  previous: Person | undefined,
  options: WorldOptions,
  random: Random,
  recycled: boolean,
): readonly string[] {
  if (random.chance(options.unknownPlaceholder)) return [UNKNOWN_PLACEHOLDER]
  const theirs = previous?.emails[0]
  if (theirs !== undefined && random.chance(options.sharedEmails)) return [theirs]
  // An address that was another's in the first half.
  if (recycled && previous?.emails.length === 2 && random.chance(0.5))
    return [`p${index}@example.com`, previous.emails[0]!]
  const own = `p${index}@example.com`
  return random.chance(options.changedEmails) ? [own, `p${index}.new@example.com`] : [own]
}
