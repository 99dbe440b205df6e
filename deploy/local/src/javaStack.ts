/** The stack without Docker: Kafka on this machine's Java, ClickHouse from npm, both as processes of their own. */
import { join } from 'node:path'
import { startClickHouseFront, type ClickHouseProcess } from './clickHouseProcess.ts'
import { kafkaJars } from './kafkaJars.ts'
import { startKafkaProcess, type KafkaProcess } from './kafkaProcess.ts'
import type { LocalStack, StackStart } from './localStack.ts'

export async function startJavaStack({ dataDir, log, detourPort }: StackStart): Promise<LocalStack> {
  const jars = await kafkaJars(log)
  const startKafka = () =>
    startKafkaProcess({ jars, dataDir, logFile: join(dataDir, 'logs', 'kafka.log'), detourPort })
  const startClickHouse = (port?: number) =>
    startClickHouseFront({
      dataDir: join(dataDir, 'clickhouse'),
      logFile: join(dataDir, 'logs', 'clickhouse.log'),
      ...(port === undefined ? {} : { port }),
    })

  const [kafkaStart, clickHouseStart] = await Promise.allSettled([startKafka(), startClickHouse()])
  if (kafkaStart.status === 'rejected' || clickHouseStart.status === 'rejected') {
    // Half a stack is none: what did start must not stay behind.
    if (kafkaStart.status === 'fulfilled') await kafkaStart.value.kill()
    if (clickHouseStart.status === 'fulfilled') await clickHouseStart.value.kill()
    throw kafkaStart.status === 'rejected'
      ? kafkaStart.reason
      : (clickHouseStart as PromiseRejectedResult).reason
  }
  let kafka: KafkaProcess = kafkaStart.value
  let clickHouse: ClickHouseProcess | undefined = clickHouseStart.value
  const port = clickHouse.port

  return {
    kind: 'java',
    kafka: { brokers: kafka.brokers, ...(kafka.detour === undefined ? {} : { detour: kafka.detour }) },
    clickhouse: { url: clickHouse.url, database: 'tributary' },
    processes: () => ({ kafka: kafka.pid, clickhouse: clickHouse?.pid }),
    async stop() {
      await Promise.all([kafka.stop(), clickHouse?.stop()])
    },
    async restartKafka(how = 'stop') {
      const { brokers, detour } = kafka
      await kafka[how]()
      kafka = await startKafka()
      if (kafka.brokers !== brokers || kafka.detour !== detour)
        throw new Error(`Kafka's port was taken while it restarted: ${brokers}`)
    },
    async killClickHouse() {
      await clickHouse?.kill()
      clickHouse = undefined
    },
    async startClickHouse() {
      clickHouse ??= await startClickHouse(port)
      if (clickHouse.port !== port) throw new Error(`ClickHouse's port ${port} was taken while it was down`)
    },
  }
}
