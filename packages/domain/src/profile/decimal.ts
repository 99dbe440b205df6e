/**
 * Exact decimal numbers, for sums of money: 0.1 + 0.2 is 0.3. A number is `units × 10^-scale`.
 */
import { isExactNumber } from '../event/exactJson.ts'
import { type Json } from '../event/json.ts'

export interface Decimal {
  readonly units: bigint
  readonly scale: number
}

/**
 * A number with more digits before or after the point than this is no amount of anything (2^128 has 39 digits), and
 * "1e999999999" must not make a text of a gigabyte. Such a number counts as no number.
 */
const MAX_DIGITS = 40

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/

export const ZERO: Decimal = { units: 0n, scale: 0 }

/** Undefined when the text is no number in JSON's grammar, or too long a one. */
export function parseDecimal(text: string, maxDigits = MAX_DIGITS): Decimal | undefined {
  const match = NUMBER.exec(text)
  if (!match) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const scale = fraction.length - Number(exponent)
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return ZERO
  if (digits.length - scale > maxDigits || scale > maxDigits) return undefined
  const units = BigInt(`${sign}${digits}`)
  return scale >= 0 ? { units, scale } : { units: units * 10n ** BigInt(-scale), scale: 0 }
}

/** The number in a JSON value: a number, or a text that is one ("19.90", as many shops write amounts). */
export function decimalIn(value: Json | undefined): Decimal | undefined {
  if (typeof value === 'number') return parseDecimal(String(value))
  if (typeof value === 'string') return parseDecimal(value)
  return isExactNumber(value) ? parseDecimal(value.rawJSON) : undefined
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale)
  return { units: atScale(a, scale) + atScale(b, scale), scale }
}

/** Divided by a whole number, to so many digits after the point, half away from zero. */
export function divideDecimal({ units, scale }: Decimal, by: number, digits: number): Decimal {
  const shift = digits - scale
  const numerator = shift >= 0 ? units * 10n ** BigInt(shift) : units
  const denominator = BigInt(by) * (shift >= 0 ? 1n : 10n ** BigInt(-shift))
  const magnitude = numerator < 0n ? -numerator : numerator
  const rounded = (2n * magnitude + denominator) / (2n * denominator)
  return { units: numerator < 0n ? -rounded : rounded, scale: digits }
}

/** Negative, zero or positive, like a − b. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale)
  const difference = atScale(a, scale) - atScale(b, scale)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

function atScale({ units, scale }: Decimal, to: number): bigint {
  return units * 10n ** BigInt(to - scale)
}

/** One text per number, plain digits, a JSON number: "12.5", never "12.50" or "1.25e1". */
export function decimalText({ units, scale }: Decimal): string {
  const negative = units < 0n
  const digits = String(negative ? -units : units).padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '')
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}
