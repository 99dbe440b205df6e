/** One test against the real Kafka and ClickHouse: group joins, transactions and restarts take seconds each. */
import { jest } from '@jest/globals'

jest.setTimeout(60_000)
