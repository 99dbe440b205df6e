import { Refusal, grpcStatus } from '@tributary/service-kit'

/**
 * Refuses what is no id of a destination, or empty for all of them: an id has none of the characters that keys are made
 * of, and anything else would read other rows.
 */
export function checkDestinationId(given: string): void {
  if (!/^[a-z0-9_-]*$/.test(given))
    throw new Refusal(grpcStatus.INVALID_ARGUMENT, 'destination_id is no id of a destination')
}
