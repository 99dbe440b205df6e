/** `make audit`: the ledger of the last demo, from what it left in ClickHouse and Kafka. Exit 0 when it balances. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTributary } from '../../deploy/local/src/runTributary.ts'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'

const DATA = join(import.meta.dirname, '..', '..', '.data', 'demo')

if (!existsSync(join(DATA, 'stack'))) {
  process.stderr.write('There is no demo to audit yet: run `make demo` first.\n')
  process.exit(1)
}
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const stack = await startLocalStack({ dataDir: join(DATA, 'stack'), keepData: true, log: say })
let code: number | null = 1
try {
  const settings = JSON.parse(await readFile(join(DATA, 'settings.json'), 'utf8')) as Record<string, string>
  const result = await runTributary(['audit', ...process.argv.slice(2)], {
    ...settings,
    KAFKA_BROKERS: stack.kafka.brokers,
    CLICKHOUSE_URL: stack.clickhouse.url,
  })
  process.stdout.write(result.stdout)
  process.stderr.write(result.stderr)
  code = result.code
} finally {
  await stack.stop()
}
process.exit(code ?? 1)
