import { fileURLToPath } from 'node:url'
import type { Log } from './localStack.ts'
import { mavenJars } from './mavenJars.ts'

/** Kafka's jars, in the version of deploy/local/kafka/pom.xml. */
export function kafkaJars(log: Log): Promise<string> {
  const pom = fileURLToPath(new URL('../kafka/pom.xml', import.meta.url))
  return mavenJars({ name: 'kafka', title: 'Kafka', megabytes: 43, pom }, log)
}
