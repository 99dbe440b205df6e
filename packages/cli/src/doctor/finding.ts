export interface Check {
  /** For example "Kafka". */
  readonly area: string
  readonly state: 'fine' | 'wrong' | 'unknown'
  /** What was seen. */
  readonly message: string
  /** What to do, when it is wrong or could not be looked at. */
  readonly remedy?: string
}

export const fine = (area: string, message: string): Check => ({ area, state: 'fine', message })

export const wrong = (area: string, message: string, remedy: string): Check => ({
  area,
  state: 'wrong',
  message,
  remedy,
})

export const unknown = (area: string, message: string, remedy: string): Check => ({
  area,
  state: 'unknown',
  message,
  remedy,
})

/** Runs one examination; a failure of the examination itself is a finding too. */
export async function examine(
  area: string,
  look: () => Promise<readonly Check[]>,
  remedy: string,
): Promise<readonly Check[]> {
  try {
    return await look()
  } catch (error) {
    return [wrong(area, (error as Error).message, remedy)]
  }
}

/** Sentences of other packages end with ": <what to do>". */
export function remedied(sentence: string, otherwise: string): [message: string, remedy: string] {
  const at = sentence.lastIndexOf(': ')
  return at < 0 ? [sentence, otherwise] : [sentence.slice(0, at), sentence.slice(at + 2)]
}
