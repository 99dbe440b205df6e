/**
 * What the collector would make of each line of a file, by the code it runs: lines are cut, mapped and judged as it does,
 * and nothing is sent.
 *
 *  S1. Every line that is not blank has exactly one verdict.
 *  S2. At most one line and what came with its chunk are held, whatever the size of the file.
 */
import { type SourceDocument } from '@tributary/configuration'
import {
  type AcceptedEvent,
  type Circumstances,
  type IgnoredIdentifier,
  type Verdict,
  admitRecord,
  leftOutCodes,
} from '@tributary/domain'
import {
  type Header,
  type JudgedLine,
  type LostLine,
  type Row,
  type SourceReading,
  type SplitLines,
  type WholeLine,
  MAX_LINE_BYTES,
  createSplitLines,
  createSplitRows,
  deliveryMapping,
  judgeLines,
  readHeader,
  uploadCircumstances,
  uploadMessageId,
} from '@tributary/sources'
import { CommandError } from '../context.ts'
import { kcatRecord } from './kcatRecord.ts'

/** What a line of the file is: a JSON value, a row of CSV, or a record as `kcat -J` prints it. */
export const sampleFormats = ['ndjson', 'csv', 'kcat'] as const
export type SampleFormat = (typeof sampleFormats)[number]

export interface SampleOptions {
  readonly document: SourceDocument
  readonly reading: SourceReading
  readonly format: SampleFormat
  /** Stands in for the time of receipt; a record that kcat printed has its own. */
  readonly receivedMs: number
  /** Name of the upload, which makes message ids. */
  readonly upload?: string | undefined
}

export type LineVerdict =
  | {
      readonly line: number
      readonly verdict: 'accepted'
      readonly event: AcceptedEvent
      readonly ignored: readonly IgnoredIdentifier[]
      /** Undefined when only the collector can tell: it is made of what the file does not hold. */
      readonly messageId: string | undefined
    }
  | {
      readonly line: number
      /** `skipped`: nothing is wrong, the source leaves it out. `refused`: not even kept as a reject. */
      readonly verdict: 'rejected' | 'skipped' | 'refused'
      readonly code: string
      readonly message: string
      readonly messageId: string | undefined
    }

type Line = WholeLine | Row | LostLine

export async function* judgeSample(
  chunks: AsyncIterable<Buffer>,
  options: SampleOptions,
): AsyncGenerator<LineVerdict> {
  refuseFormat(options)
  const split: SplitLines<Line> =
    options.format === 'csv' ? createSplitRows(MAX_LINE_BYTES) : createSplitLines(MAX_LINE_BYTES)
  const judge = judgeOf(options)
  let header: Header | undefined
  const take = function* (lines: readonly Line[]): Generator<LineVerdict> {
    for (const line of lines) {
      if (options.format === 'csv' && !header) header = headerOf(line as Row | LostLine)
      else yield 'bytes' in line ? judge(line, header) : tooLarge(line)
    }
  }
  for await (const chunk of chunks) yield* take(split.push(chunk))
  yield* take(split.end())
  if (options.format === 'csv' && !header) headerOf(undefined)
}

/** A file that the source could never be sent is told as such, before its first line. */
function refuseFormat({ document, reading, format }: SampleOptions): void {
  if (format === 'kcat' && !document.kafka)
    throw new CommandError(`the source ${document.id} reads no Kafka topic: give its file as NDJSON or CSV`)
  if (format !== 'csv') return
  if (!document.http)
    throw new CommandError(`the source ${document.id} takes no CSV: only an upload over HTTP has rows`)
  if (!reading.uploads)
    throw new CommandError(`the source ${document.id} has no \`map\`: how a row becomes an event`)
}

function headerOf(row: Row | LostLine | undefined): Header {
  const header = readHeader(row)
  if ('problem' in header) throw new CommandError(`the file cannot be read as CSV: ${header.problem}`)
  return header
}

function judgeOf(options: SampleOptions): (line: WholeLine | Row, header: Header | undefined) => LineVerdict {
  const { document, reading, format, receivedMs, upload } = options
  if (document.kafka) {
    const { topic } = document.kafka
    return (line) => {
      const record =
        format === 'kcat'
          ? kcatRecord(line.bytes)
          : { topic, partition: 0, offset: line.number, timestampMs: receivedMs, value: line.bytes }
      if (!record) return noRecord(line.number)
      return verdictOf(line.number, admitRecord(record, reading.circumstances), format === 'kcat')
    }
  }
  const circumstances: Circumstances = document.webhook
    ? {
        ...reading.circumstances,
        // Its headers are not in the file; what a mapping reads of them may stand in the line itself.
        mapping: deliveryMapping(reading.circumstances.mapping!, { id: '', time: undefined, about: {} }),
      }
    : uploadCircumstances(reading, false)
  const arrival = {
    uploadId: 'sample',
    receivedMs,
    messageIdOf: (line: number) => (upload === undefined ? '' : uploadMessageId(circumstances, upload, line)),
  }
  return (line, header) => {
    const [judged] = judgeLines([line], header, circumstances, arrival) as [JudgedLine]
    return verdictOf(line.number, judged.verdict, upload !== undefined)
  }
}

function verdictOf(line: number, verdict: Verdict, idIsReal: boolean): LineVerdict {
  if ('rejected' in verdict) {
    const { code, message, messageId } = verdict.rejected
    return { line, verdict: leftOutCodes.has(code) ? 'skipped' : 'rejected', code, message, messageId }
  }
  const { accepted: event, ignored } = verdict
  const messageId = event.messageIdGenerated && !idIsReal ? undefined : event.messageId
  return { line, verdict: 'accepted', event, ignored, messageId }
}

function tooLarge({ number, lostBytes }: LostLine): LineVerdict {
  const message = `the line has ${lostBytes} bytes; ${MAX_LINE_BYTES} at most`
  return { line: number, verdict: 'refused', code: 'line_too_large', message, messageId: undefined }
}

function noRecord(line: number): LineVerdict {
  const message = 'the line is no record as `kcat -J` prints it: topic, partition, offset and payload'
  return { line, verdict: 'refused', code: 'no_record', message, messageId: undefined }
}
