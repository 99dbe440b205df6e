/**
 * W3C trace context in the headers of records. A processor hands on what it was given: it makes no ids, so the same input
 * gives the same output. Where nobody traces there is no header, and nothing here costs anything.
 *
 *  T1. Only traces that are sampled travel: the others would cost a header and show nothing.
 *  T2. What comes from several traces carries one as its own and the others as links, at most MAX_LINKS.
 */
export const TRACEPARENT = 'traceparent'
/** Ours, as W3C has no header for it: traceparents of other traces that led to the same record, separated by commas. */
export const TRACE_LINKS = 'tracelinks'

/** A batch may fold thousands of events into one change; who looks at a trace follows a few. */
export const MAX_LINKS = 8

type Headers = Readonly<Record<string, Uint8Array | string | undefined>>

/** 00, trace id, span id, flags; all zero is no id. */
const FORM = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Undefined when it is no traceparent, or of a trace that is not sampled (T1). */
export function sampledTrace(value: string | undefined): string | undefined {
  if (value === undefined || !FORM.test(value)) return undefined
  return (Number.parseInt(value.slice(-2), 16) & 1) === 1 ? value : undefined
}

/** Its own trace first, then the links; none for what is not traced. */
export function tracesOf(headers: Headers): readonly string[] {
  const own = headers[TRACEPARENT]
  if (own === undefined) return []
  const links = headers[TRACE_LINKS]
  const all = links === undefined ? [textOf(own)] : [textOf(own), ...textOf(links).split(',', MAX_LINKS)]
  return all.filter((each) => sampledTrace(each) !== undefined)
}

/** T2. Headers of a record that these traces led to; each is named once. */
export function traceHeaders(traces: readonly string[]): Record<string, string> | undefined {
  if (traces.length === 0) return undefined
  const [own, ...links] = new Set(traces)
  return {
    [TRACEPARENT]: own!,
    ...(links.length > 0 && { [TRACE_LINKS]: links.slice(0, MAX_LINKS).join(',') }),
  }
}

/** Adds to a list that becomes headers, as long as there is room (T2). */
export function addTraces(to: string[], traces: readonly string[]): void {
  for (const trace of traces) if (to.length <= MAX_LINKS && !to.includes(trace)) to.push(trace)
}

function textOf(value: Uint8Array | string): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('latin1')
}
