import { EventType } from './generated/tributary/event/v1/event.ts'

/** What people and rules call the types of events; of a type that is not said there is no name. */
export const eventTypeNames = {
  [EventType.EVENT_TYPE_TRACK]: 'track',
  [EventType.EVENT_TYPE_IDENTIFY]: 'identify',
  [EventType.EVENT_TYPE_PAGE]: 'page',
  [EventType.EVENT_TYPE_SCREEN]: 'screen',
  [EventType.EVENT_TYPE_GROUP]: 'group',
  [EventType.EVENT_TYPE_ALIAS]: 'alias',
} as const

type EventTypeName = (typeof eventTypeNames)[keyof typeof eventTypeNames]

/** `otherwise`: for a type that is not said, or not known here. */
export function eventTypeName<O>(type: EventType, otherwise: O): EventTypeName | O {
  return (eventTypeNames as Partial<Record<EventType, EventTypeName>>)[type] ?? otherwise
}
