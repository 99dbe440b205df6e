/** Does a Kafka broker answer an admin client? Used to wait for it, so a refusal is an answer of its own: not yet. */
import { Kafka, logLevel } from 'kafkajs'

export async function brokerAnswers(brokers: string): Promise<true | undefined> {
  const kafka = new Kafka({
    clientId: 'tributary-local',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 3000,
    retry: { retries: 0 },
  })
  const admin = kafka.admin()
  try {
    await admin.connect()
    const { brokers: found } = await admin.describeCluster()
    return found.length > 0 ? true : undefined
  } catch {
    return undefined
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}
