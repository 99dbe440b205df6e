import { instantOfLocal } from './zone.ts'

/** A time as a client wrote it. */
export interface ReadTime {
  /** Ms since 1970; finer digits are cut off. */
  readonly ms: number
  /** It had no zone and none was configured: taken as UTC. */
  readonly zoneAssumed: boolean
}

/** Below this a number counts seconds (until the year 5138), from it on milliseconds (since March 1973). */
const FIRST_MILLISECONDS = 1e11
/** 1 January of the year 1 … */
const EARLIEST = -62_135_596_800_000
/** … to the last millisecond of 9999: what four digits can write. */
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?(?: ?([Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?)?$/
const NUMERIC = /^-?\d{1,16}(?:\.\d{1,9})?$/

/**
 * ISO-8601 with any fraction and offset, or epoch seconds or milliseconds, also as text. A time without a zone is in
 * `zone` when given, else UTC. Undefined when it is none of these.
 */
export function readTime(value: unknown, zone?: string): ReadTime | undefined {
  if (typeof value === 'number') return fromEpoch(value)
  if (typeof value !== 'string') return undefined
  const usual = fromUsual(value)
  if (usual !== undefined) return { ms: usual, zoneAssumed: false }
  const text = value.trim()
  if (NUMERIC.test(text)) return fromEpoch(Number(text))
  const match = ISO.exec(text)
  return match ? fromIso(match, zone) : undefined
}

const USUAL = 'dddd-dd-ddTdd:dd:dd.dddZ'
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** What nearly every SDK writes, JavaScript's toISOString; undefined for anything else, also when it is a time. */
function fromUsual(text: string): number | undefined {
  if (text.length !== USUAL.length || text.charCodeAt(23) !== 0x5a || text.charCodeAt(10) !== 0x54)
    return undefined
  for (let i = 0; i < 23; i++) {
    const unit = text.charCodeAt(i)
    const expected = USUAL.charCodeAt(i)
    if (expected === 0x64 ? unit < 0x30 || unit > 0x39 : unit !== expected) return undefined
  }
  const year = digits(text, 0) * 100 + digits(text, 2)
  const month = digits(text, 5)
  const day = digits(text, 8)
  const [hour, minute, second] = [digits(text, 11), digits(text, 14), digits(text, 17)]
  // Days and years that need a closer look are looked at more closely.
  if (year < 1000 || month < 1 || month > 12 || day < 1 || day > DAYS[month - 1]!) return undefined
  if (hour > 23 || minute > 59 || second > 59) return undefined
  return (
    Date.UTC(year, month - 1, day, hour, minute, second) + digits(text, 20) * 10 + text.charCodeAt(22) - 0x30
  )
}

/** Two of them, as a number. */
function digits(text: string, at: number): number {
  return text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 0x30 * 11
}

function fromEpoch(value: number): ReadTime | undefined {
  return within(Math.floor(Math.abs(value) < FIRST_MILLISECONDS ? value * 1000 : value), false)
}

function fromIso(match: RegExpExecArray, zone: string | undefined): ReadTime | undefined {
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] = match
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined
  // A leap second is the first of the next minute.
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  const local =
    date.getTime() +
    (Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1000 +
    Number(fraction.padEnd(3, '0').slice(0, 3))

  if (offset !== undefined) {
    const ahead = offsetMs(offset)
    return ahead === undefined ? undefined : within(local - ahead, false)
  }
  return zone === undefined ? within(local, true) : within(instantOfLocal(zone, local), false)
}

function offsetMs(offset: string): number | undefined {
  const match = /^([+-])(\d{2}):?(\d{2})?$/.exec(offset)
  if (!match) return 0
  const [, sign, hours, minutes = '0'] = match
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  const ms = (Number(hours) * 60 + Number(minutes)) * 60_000
  return sign === '-' ? -ms : ms
}

function within(ms: number, zoneAssumed: boolean): ReadTime | undefined {
  return ms >= EARLIEST && ms <= LATEST ? { ms, zoneAssumed } : undefined
}
