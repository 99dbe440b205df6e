/** `make bench [ONLY=name]`: measures the bars of bars/, one aligned line each; `--json` for machines.
 * A bar that is short is a finding, not a failure: the exit code is 0 when all could be measured. */
import { readdir } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { measure, type Bar, type Measured } from './bar.ts'
import { barTable } from './barTable.ts'
import { stopBenchStack } from './benchStack.ts'
import { machine, machineLine } from './machine.ts'

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean', default: false } },
})

const folder = new URL('bars/', import.meta.url)
const files = (await readdir(folder))
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .toSorted()
const bars: Bar[] = []
for (const file of files) {
  const loaded = (await import(new URL(file, folder).href)) as { bars: Bar[] }
  bars.push(...loaded.bars)
}

const wanted =
  values.only === undefined ? bars : bars.filter(({ name }) => name.startsWith(values.only as string))
if (wanted.length === 0) {
  process.stderr.write(
    `There is no bar ${values.only}; there are: ${bars.map(({ name }) => name).join(', ')}\n`,
  )
  process.exit(1)
}

const on = machine()
if (!values.json) process.stdout.write(`${machineLine(on)}\n`)
const measured: Measured[] = []
try {
  for (const bar of wanted) {
    const progress = (run: number, of: number) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${bar.name} ${run}/${of}`)
    }
    measured.push(await measure(bar, progress))
  }
} finally {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  await stopBenchStack()
}

if (values.json) process.stdout.write(`${JSON.stringify({ machine: on, bars: measured }, null, 2)}\n`)
else process.stdout.write(`${barTable(measured).join('\n')}\n`)
