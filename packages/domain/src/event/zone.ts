/**
 * Local times of a named zone, daylight saving included, from the zone data of Intl.
 *
 * As in Temporal's "compatible" rule: a local time that occurs twice (clocks go back) is the first of the two; one
 * that does not occur (clocks go forward) is read with the offset from before the change.
 */
const MINUTE = 60_000
/** Offsets change on quarter hours of UTC, in every zone, since 1970. */
const QUARTER = 15 * MINUTE
/** Quarter hours remembered per zone: a day of receipts from each of ten years is under 1,000. */
const MAX_REMEMBERED = 10_000

const zones = new Map<string, Zone>()

interface Zone {
  readonly format: Intl.DateTimeFormat
  /** Start of a quarter hour, ms → offset, ms. */
  readonly offsets: Map<number, number>
}

/** Whether Intl knows the zone: "Europe/Paris", "UTC". */
export function isTimeZone(name: string): boolean {
  try {
    return zoneOf(name) !== undefined
  } catch {
    return false
  }
}

function zoneOf(name: string): Zone {
  let zone = zones.get(name)
  if (!zone) {
    zone = {
      format: new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' }),
      offsets: new Map(),
    }
    zones.set(name, zone)
  }
  return zone
}

/** What the zone's clocks are ahead of UTC at an instant, ms. Throws a RangeError when Intl has no such zone. */
export function zoneOffsetMs(name: string, instantMs: number): number {
  const zone = zoneOf(name)
  const quarter = Math.floor(instantMs / QUARTER) * QUARTER
  let offset = zone.offsets.get(quarter)
  if (offset === undefined) {
    offset = readOffset(zone.format, quarter)
    if (zone.offsets.size >= MAX_REMEMBERED) zone.offsets.clear()
    zone.offsets.set(quarter, offset)
  }
  return offset
}

function readOffset(format: Intl.DateTimeFormat, instantMs: number): number {
  const name = format.formatToParts(instantMs).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT'
  const match = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(name)
  if (!match) throw new RangeError(`no offset in "${name}"`)
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = match
  const ms = Number(hours) * 60 * MINUTE + Number(minutes) * MINUTE + Number(seconds) * 1000
  return sign === '-' ? -ms : ms
}

/** The instant at which the zone's clocks show this local time, given as if it were UTC, ms. */
export function instantOfLocal(name: string, localMs: number): number {
  // The offsets a day before and a day after are those on either side of any change in between.
  const before = zoneOffsetMs(name, localMs - 24 * 60 * MINUTE)
  const after = zoneOffsetMs(name, localMs + 24 * 60 * MINUTE)
  const first = localMs - before
  if (before === after || zoneOffsetMs(name, first) === before) return first
  const second = localMs - after
  return zoneOffsetMs(name, second) === after ? second : first
}
