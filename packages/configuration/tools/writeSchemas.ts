// Writes schemas/*.json from the model: node --conditions=tributary-source packages/configuration/tools/writeSchemas.ts
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jsonSchemas, schemaText } from '../src/jsonSchemas.ts'

const folder = join(import.meta.dirname, '../schemas')
mkdirSync(folder, { recursive: true })
for (const [name, schema] of jsonSchemas()) writeFileSync(join(folder, `${name}.json`), schemaText(schema))
