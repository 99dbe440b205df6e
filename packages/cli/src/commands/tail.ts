import type { Command } from 'commander'
import { topics, eventTypeName } from '@tributary/contracts'
import { EventRecord, type Event } from '@tributary/contracts/generated/tributary/event/v1/event'
import type { ConnectionFlags } from '../connections.ts'
import type { Context, ExitCode } from '../context.ts'
import type { DoorRecord } from '../kafkaDoor.ts'
import { wholeNumber, withJson, withKafka } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { shortened } from '../output/table.ts'
import { timeText } from '../output/time.ts'
import { TopicTail } from '../topicTail.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly source?: string
  readonly limit?: number
  readonly last: number
  readonly follow: boolean
}

export function tailCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('tail')
    .description('show accepted events as they arrive')
    .option('--source <id>', 'only of this source')
    .option('--limit <number>', 'stop after so many', wholeNumber)
    .option('--last <number>', 'begin with the last so many of each partition', wholeNumber, 10)
    .option('--no-follow', 'stop at the present end')
    .action(async (flags: Flags) => done(await tail(context, flags, open)))
  withKafka(withJson(command))
}

async function tail(context: Context, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  await withDoor(context, flags, open, async (door) => {
    let left = flags.limit ?? Infinity
    const reader = await TopicTail.open(door, topics.events, flags.last)
    do {
      for (const record of await reader.read()) {
        const event = eventOf(record)
        if (!event || (flags.source !== undefined && event.sourceId !== flags.source)) continue
        if (left-- <= 0) return
        context.out(
          flags.json ? JSON.stringify(eventJson(event, record)) : eventLine(event, record, context.colour),
        )
      }
      if (left <= 0) return
    } while (flags.follow && (await reader.wait(context.interrupted)))
  })
  return 0
}

function eventOf(record: DoorRecord): Event | undefined {
  const inner = record.value && EventRecord.decode(record.value).record
  return inner?.$case === 'event' ? inner.value : undefined
}

function typeOf(event: Event): string {
  return eventTypeName(event.type, 'unknown')
}

/** Bytes are shown as the text they are; whoever wants them exactly reads the event log. */
function payloadOf(event: Event): string {
  return Buffer.from(event.payload ?? event.raw).toString('utf8')
}

function eventJson(event: Event, record: DoorRecord) {
  return {
    partition: record.partition,
    offset: record.offset,
    source: event.sourceId,
    type: typeOf(event),
    name: event.name,
    messageId: event.messageId,
    time: new Date(event.timeMs).toISOString(),
    received: new Date(event.receivedTimeMs).toISOString(),
    identifiers: event.identifiers.map(({ type, value }) => ({ type, value })),
    anchor: event.anchor,
    origin: event.origin,
    payload: parsed(payloadOf(event)),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Longest payload in a line, characters: --json has the whole. */
const MAX_PAYLOAD = 120

function eventLine(event: Event, record: DoorRecord, colour: boolean): string {
  const paint = createPaint(colour)
  const who = event.identifiers.map(({ type, value }) => `${type}:${value}`).join(' ')
  return [
    paint.dim(`${record.partition}:${record.offset}`),
    timeText(event.timeMs),
    event.sourceId,
    paint.bold(event.name === '' ? typeOf(event) : `${typeOf(event)} "${event.name}"`),
    who === '' ? paint.dim('(nobody)') : who,
    paint.dim(shortened(payloadOf(event), MAX_PAYLOAD)),
  ].join('  ')
}
