/**
 * Words for the numbers of a protobuf enum: SKIP_REASON_NO_IDENTIFIER becomes "no_identifier". A number from a newer
 * writer becomes "unknown_7": the row keeps what is not understood yet.
 */
export function enumWords(
  names: Readonly<Record<string, number | string>>,
  prefix: string,
): (value: number) => string {
  const words = new Map<number, string>()
  for (const [name, value] of Object.entries(names)) {
    if (typeof value === 'number') words.set(value, name.slice(prefix.length).toLowerCase())
  }
  return (value) => words.get(value) ?? `unknown_${value}`
}

/** The way back: numbers for words. A word of no known number is left out. */
export function enumNumbers(
  names: Readonly<Record<string, number | string>>,
  prefix: string,
): (word: string) => number | undefined {
  const numbers = new Map<string, number>()
  for (const [name, value] of Object.entries(names)) {
    if (typeof value === 'number') numbers.set(name.slice(prefix.length).toLowerCase(), value)
  }
  return (word) => numbers.get(word) ?? (/^unknown_\d+$/.test(word) ? Number(word.slice(8)) : undefined)
}
