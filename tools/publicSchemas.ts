/** The JSON Schemas of the public topics: as they are now, and as they were when the baseline was taken. */
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { schemaProblems } from './schemaProblems.ts'

const FOLDER = new URL('../docs/reference/schemas/', import.meta.url)
const BASELINE = new URL('schemas-baseline.json', import.meta.url)

/** File name → schema. */
type Schemas = Record<string, unknown>

async function schemasNow(): Promise<Schemas> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.schema.json')).toSorted()
  const read = async (name: string) =>
    [name, JSON.parse(await readFile(new URL(name, FOLDER), 'utf8'))] as const
  return Object.fromEntries(await Promise.all(names.map(read)))
}

/** What readers of the topics would lose; empty when only fields were added. */
export async function publicSchemaProblems(): Promise<string[]> {
  const [before, now] = [JSON.parse(await readFile(BASELINE, 'utf8')) as Schemas, await schemasNow()]
  return Object.entries(before).flatMap(([name, schema]) =>
    schemaProblems(schema, now[name]).map((problem) => `${name}: ${problem}`),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await writeFile(BASELINE, `${JSON.stringify(await schemasNow(), null, 2)}\n`)
