/** Can the local stack be started here? Fetches what it needs once, and says in one sentence what is missing. */
import { chooseKind } from './localStack.ts'
import { kafkaJars } from './kafkaJars.ts'

try {
  const kind = await chooseKind(process.env)
  if (kind === 'java') await kafkaJars((line) => void process.stderr.write(`setup: ${line}\n`))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
