/**
 * The rolling window of an aggregate, `within: 90d`.
 *
 *  W1. Time is cut into units of the letter the window is written with: minutes, hours or days, counted from
 *      1970-01-01T00:00Z. A unit is kept as a whole, so what is kept is bounded by the window, not by the events.
 *  W2. An event counts from its arrival until its unit ended one window ago: for at least the window, at most one unit
 *      longer. `48h` is finer than `2d`.
 *  W3. Event time decides, so a late event counts for what is left of its time, and one that is too late never.
 *  W4. Nothing that can still count is ever dropped: what is behind the newest unit by more than the window and
 *      CLOCK_SLACK_MS has left the window for every clock that has seen the newest event.
 */

export interface Window {
  readonly unitMs: number
  readonly units: number
}

/** Units of one window: two years of days. Each is kept on its own, in every fragment. */
export const MAX_WINDOW_UNITS = 800

/** The collector takes events up to five minutes from the future; an hour leaves room. */
const CLOCK_SLACK_MS = 3_600_000

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** "90d", "48h", "30m"; undefined for any other text, and for more than MAX_WINDOW_UNITS. */
export function parseWindow(text: string): Window | undefined {
  const window = readUnits(text)
  return window && window.units <= MAX_WINDOW_UNITS ? window : undefined
}

/** How long "90d", "48h" or "30m" is, ms; undefined for any other text. */
export function durationMs(text: string): number | undefined {
  const read = readUnits(text)
  return read && read.units * read.unitMs
}

function readUnits(text: string): Window | undefined {
  const match = /^([1-9]\d{0,5})([mhd])$/.exec(text)
  return match ? { unitMs: UNITS_MS[match[2]!]!, units: Number(match[1]) } : undefined
}

/** When the unit of that time began, ms since 1970. */
export function unitStart({ unitMs }: Window, timeMs: number): number {
  return Math.floor(timeMs / unitMs) * unitMs
}

/** From when on what happened at that time counts no more, ms since 1970 (W2). */
export function expiryOf(window: Window, timeMs: number): number {
  return unitStart(window, timeMs) + (window.units + 1) * window.unitMs
}

/** Whether a time has left the window for good when something as new as `newestMs` has happened (W4). */
export function isSpent(window: Window, timeMs: number, newestMs: number): boolean {
  return expiryOf(window, timeMs) + CLOCK_SLACK_MS <= unitStart(window, newestMs)
}
