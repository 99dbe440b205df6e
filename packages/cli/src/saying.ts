import { KafkaFault } from '@tributary/kafka'
import { CommandError } from './context.ts'

/** Asks Kafka at `where`; a failure becomes a sentence that says what to check. */
export async function saying<T>(where: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof KafkaFault)) throw error
    throw new CommandError(
      error.code === 'unavailable'
        ? `Kafka does not answer at ${where} (${error.message}): is it running, and are the addresses right?`
        : error.message,
    )
  }
}
