/** A message of Debezium's as it stands in its topic. */
export interface RecordedMessage {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
}

/** What it says about which change, wherever it stands: the same for a message that was sent again. */
export function messageText({ key, value }: RecordedMessage): string {
  const row = unwrap(key)
  if (value === null) return `tombstone of ${row}`
  const { op, source } = JSON.parse(unwrap(value)) as { op: string; source: { lsn: number } }
  return `${op} of ${row} at ${source.lsn}`
}

function unwrap(text: string | null): string {
  const value = JSON.parse(text ?? 'null') as { schema?: unknown; payload?: unknown } | null
  return value && 'schema' in value && 'payload' in value ? payloadText(text!) : (text ?? '')
}

/** Without parsing its numbers: two ids beyond 2^53 must not become one. */
function payloadText(text: string): string {
  return text.slice(text.indexOf('"payload":') + '"payload":'.length, -1)
}
