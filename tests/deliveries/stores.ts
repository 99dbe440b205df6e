/** Destinations that hold what is sent: a table, a bucket and a topic, each real, with what arrived there. */
import { join } from 'node:path'
import { createKafka, readTopic } from '@tributary/kafka'
import kafkajs from 'kafkajs'
import { linesOf } from '../../services/activation/src/testing/fileByFile.ts'
import { postgresPrograms, startPostgres } from '../support/postgresServer.ts'
import { startS3 } from '../support/s3Server.ts'
import type { Arrival } from './judgeArrivals.ts'

export interface Store {
  readonly id: string
  readonly text: string
  /** Of the Destination document. */
  readonly document: object
  /** Secrets by the name of their file. */
  readonly secrets: Readonly<Record<string, string>>
  arrivals(): Promise<Arrival[]>
  stop(): Promise<void>
}

export async function startTable(logsDir: string): Promise<Store> {
  const programs = await postgresPrograms()
  if (programs === undefined) throw new Error('there is no PostgreSQL: neither on this machine nor from npm')
  const server = await startPostgres({ programs, logFile: join(logsDir, 'postgres.log') })
  // What is written is written down by the database itself; the row alone would hide an order that was wrong.
  await server.sql(`
    CREATE TABLE people (profile_id text PRIMARY KEY, version text NOT NULL, present boolean NOT NULL, merged_into text,
      who text, step integer);
    CREATE TABLE written (n bigserial PRIMARY KEY, version text, who text, step integer, at timestamptz DEFAULT clock_timestamp());
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO written (version, who, step) VALUES (NEW.version, NEW.who, NEW.step); RETURN NEW; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION note()`)
  return {
    id: 'postgres',
    text: 'a table of PostgreSQL',
    document: {
      postgres: {
        host: '127.0.0.1',
        port: server.port,
        database: 'postgres',
        user: server.user,
        password: { file: 'postgres-password' },
        table: 'people',
        tls: 'off',
        allowPrivateAddresses: true,
      },
    },
    secrets: { 'postgres-password': server.password },
    // The key of a row is its profile and version.
    arrivals: async () =>
      (await server.sql('SELECT version, who, step, at FROM written ORDER BY n')).map((row) => ({
        id: `${String(row['who'])} ${String(row['version'])}`,
        person: String(row['who']),
        step: Number(row['step']),
        atMs: (row['at'] as Date).getTime(),
      })),
    stop: () => server.stop(),
  }
}

export async function startBucket(logsDir: string): Promise<Store> {
  const server = await startS3({ logFile: join(logsDir, 's3.log'), buckets: ['changes'] })
  return {
    id: 's3',
    text: 'files in a bucket, every 2 s',
    document: {
      s3: {
        bucket: 'changes',
        endpoint: server.endpoint,
        accessKeyId: { file: 's3-id' },
        secretAccessKey: { file: 's3-key' },
        everySeconds: 2,
        allowPrivateAddresses: true,
      },
    },
    secrets: { 's3-id': server.accessKeyId, 's3-key': server.secretAccessKey },
    arrivals: async () =>
      linesOf(await server.objects('changes')).map(({ id, data }) => {
        const { who, step } = data as { who: string; step: number }
        return { id, person: who, step, atMs: 0 }
      }),
    stop: () => server.stop(),
  }
}

export async function openTopic(brokers: string, topic: string): Promise<Store> {
  const PARTITIONS = 2
  const admin = new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] })
  await admin.disconnect()
  const kafka = createKafka({ brokers: [brokers], clientId: 'deliveries-check' })
  return {
    id: 'kafka',
    text: 'a topic of Kafka',
    document: { kafka: { topic } },
    secrets: {},
    async arrivals() {
      const found: Arrival[] = []
      for (let partition = 0; partition < PARTITIONS; partition++)
        for await (const { records } of readTopic(kafka, { topic, partition }))
          for (const { value, headers, timestampMs } of records) {
            const { data } = JSON.parse(String(value)) as { data: { who: string; step: number } }
            found.push({ id: String(headers['ce_id']), person: data.who, step: data.step, atMs: timestampMs })
          }
      return found
    },
    stop: async () => undefined,
  }
}
