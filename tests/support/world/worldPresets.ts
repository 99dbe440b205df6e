/** How messy a world is. Shares are of persons or of events, 0 to 1, as each says. */
export interface WorldOptions {
  readonly seed: number
  readonly persons: number
  /** Mean number of sessions of a person in thirty days. */
  readonly sessions: number
  /** Persons with a card of the shop. */
  readonly loyalty: number
  /** Persons who never log in: nobody but one device. */
  readonly strangers: number
  /** Devices, beyond the first, that their person never logs in from: nothing can link them. */
  readonly unlinkedDevices: number
  /** Persons who use a device of somebody else of their home now and then. */
  readonly sharedDevices: number
  /** Persons who log in at a device that everybody uses. */
  readonly kiosk: number
  /** Persons whose address is also given by another of their home. */
  readonly sharedEmails: number
  /** Persons who change their address. */
  readonly changedEmails: number
  /** Persons who get a device, or an address, that was another's before. */
  readonly recycled: number
  /** Persons with a second account, and how many of those are joined by an operator or the shop's server. */
  readonly secondAccounts: number
  readonly joined: number
  /** Persons whom a page that anybody can call names as somebody else. */
  readonly falseAliases: number
  /** Events with a value that is known to be no identifier, such as "null". */
  readonly knownPlaceholders: number
  /** Persons who give one address that is no address, and stands on no list. */
  readonly unknownPlaceholder: number
  /** Events that arrive hours to days late, and events that arrive twice. */
  readonly offline: number
  readonly duplicates: number
  /** Devices whose clock is wrong by up to two days, after all correction. */
  readonly skewed: number
}

const clean: Omit<WorldOptions, 'seed' | 'persons'> = {
  sessions: 5,
  loyalty: 0.3,
  strangers: 0.2,
  unlinkedDevices: 0,
  sharedDevices: 0,
  kiosk: 0,
  sharedEmails: 0,
  changedEmails: 0.02,
  recycled: 0,
  secondAccounts: 0,
  joined: 0,
  falseAliases: 0,
  knownPlaceholders: 0,
  unknownPlaceholder: 0,
  offline: 0.02,
  duplicates: 0.01,
  skewed: 0,
}

const moderate: typeof clean = {
  ...clean,
  unlinkedDevices: 0.04,
  sharedDevices: 0.05,
  kiosk: 0.02,
  sharedEmails: 0.02,
  changedEmails: 0.05,
  recycled: 0.01,
  secondAccounts: 0.02,
  joined: 0.6,
  falseAliases: 0.002,
  knownPlaceholders: 0.01,
  unknownPlaceholder: 0.005,
  offline: 0.05,
  duplicates: 0.02,
  skewed: 0.02,
}

const dirty: typeof clean = {
  ...moderate,
  unlinkedDevices: 0.15,
  sharedDevices: 0.25,
  kiosk: 0.1,
  sharedEmails: 0.1,
  changedEmails: 0.1,
  recycled: 0.05,
  secondAccounts: 0.08,
  joined: 0.4,
  falseAliases: 0.02,
  knownPlaceholders: 0.1,
  unknownPlaceholder: 0.05,
  offline: 0.2,
  duplicates: 0.1,
  skewed: 0.1,
}

export const worldPresets = { clean, moderate, dirty } as const
export type WorldPreset = keyof typeof worldPresets
