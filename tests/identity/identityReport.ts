/** `make identity-report [PERSONS=n] [SEED=n]`: prints the report and writes docs/reports/identity.md. */
import { mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type WorldPreset, worldPresets } from '../support/world/worldPresets.ts'
import { measureIdentity, shortcomings } from './measureIdentity.ts'
import { reportText } from './reportText.ts'

const { values } = parseArgs({
  options: {
    persons: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    shuffles: { type: 'string', default: '10' },
  },
})
const options = {
  persons: Number(values.persons),
  seed: Number(values.seed),
  shuffles: Number(values.shuffles),
}
const worlds = (Object.keys(worldPresets) as WorldPreset[]).map((preset) => {
  process.stderr.write(`${preset} …\n`)
  return measureIdentity(preset, options)
})
const text = reportText(worlds, options)
process.stdout.write(text)
const folder = new URL('../../docs/reports/', import.meta.url)
await mkdir(folder, { recursive: true })
await writeFile(new URL('identity.md', folder), text)
if (shortcomings(worlds).length > 0) process.exitCode = 1
