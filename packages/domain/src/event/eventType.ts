export const eventTypes = ['track', 'identify', 'page', 'screen', 'group', 'alias'] as const

export type EventType = (typeof eventTypes)[number]

const KNOWN: ReadonlySet<unknown> = new Set(eventTypes)

export function isEventType(value: unknown): value is EventType {
  return KNOWN.has(value)
}
