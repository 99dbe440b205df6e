/**
 * A log writer as a process of its own, to be killed. Settings come as JSON in the first argument; with `killAfter`
 * it kills itself the moment that many inserts have been carried out, before anything is committed.
 */
import { type ClickHouse, connectClickHouse, startLogWriters } from '@tributary/clickhouse-log'
import { topics } from '@tributary/contracts'
import { createKafka } from '@tributary/kafka'
import { pino } from 'pino'

export interface WriterSettings {
  brokers: string
  clickhouseUrl: string
  database: string
  prefix: string
  nodeId: string
  killAfter?: number
}

const settings = JSON.parse(process.argv[2] ?? '{}') as WriterSettings
const clickhouse = connectClickHouse({ url: settings.clickhouseUrl, database: settings.database })
let inserts = 0

const deadly: ClickHouse = {
  ...clickhouse,
  async insertRowBinary(insert) {
    await clickhouse.insertRowBinary(insert)
    if (++inserts === settings.killAfter) process.kill(process.pid, 'SIGKILL')
  },
}

startLogWriters({
  topics: [topics.events],
  kafka: createKafka({ brokers: settings.brokers.split(','), clientId: settings.nodeId }),
  clickhouse: settings.killAfter === undefined ? clickhouse : deadly,
  prefix: settings.prefix,
  nodeId: settings.nodeId,
  epoch: 1,
  logger: pino({ level: 'info' }),
  onFatal(error) {
    process.stderr.write(`${error.stack}\n`)
    process.exit(1)
  },
})
