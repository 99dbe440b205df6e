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
