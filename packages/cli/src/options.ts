import { type Command, InvalidArgumentError } from 'commander'
import { readTime } from '@tributary/domain'
import { collectSubstitution } from './readDocuments.ts'

/** The same flags, in the same words, on every command that needs them. */
export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON instead of text')
}

export function withKafka(command: Command): Command {
  return command
    .option('--brokers <list>', 'addresses of Kafka, host:port,host:port (or KAFKA_BROKERS)')
    .option('--prefix <text>', 'prefix of the topics (or TOPIC_PREFIX)')
}

export function withClickhouse(command: Command): Command {
  return command
    .option('--clickhouse <url>', 'address of ClickHouse, http(s)://host:port (or CLICKHOUSE_URL)')
    .option('--database <name>', 'database of the event log (or CLICKHOUSE_DATABASE)')
}

export function withSubstitutions(command: Command): Command {
  return command.option(
    '--set <NAME=VALUE>',
    'fill in ${NAME} in the documents; may be repeated',
    collectSubstitution,
  )
}

/** A time as people write it, ms since 1970; without a zone it is UTC's. */
export function timeFlag(text: string): number {
  const time = readTime(text)
  if (!time) throw new InvalidArgumentError('It takes a time such as 2026-01-31T18:00:00Z.')
  return time.ms
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('It takes a whole number.')
  return value
}
