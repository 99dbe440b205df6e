/**
 * Clocks of brokers, and of who sends what is refused, may differ by so much, ms: what bounds a search by time looks so
 * much further.
 */
export const CLOCK_SLACK_MS = 3_600_000
