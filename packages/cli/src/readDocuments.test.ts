import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { commandLine } from './testing/commandLine.ts'
import { MemoryDoor } from './testing/memoryDoor.ts'

let folder: string
let tributary: ReturnType<typeof commandLine>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'))
  tributary = commandLine({ door: new MemoryDoor(), cwd: folder })
})
afterEach(() => rmSync(folder, { recursive: true }))

const workspace = 'kind: Workspace\nschema: tributary/v1\nid: maison\ntimeZone: UTC\n'
const trait = (id: string) => `kind: Trait\nid: ${id}\ncount: {event: x}\n`

test('a mounted ConfigMap is read once, through its links', async () => {
  const data = join(folder, 'mounted', '..2026_01_01_00_00_00.1')
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'workspace.yaml'), workspace)
  writeFileSync(join(data, 'traits.yml'), trait('orders'))
  symlinkSync('..2026_01_01_00_00_00.1', join(folder, 'mounted', '..data'))
  for (const name of ['workspace.yaml', 'traits.yml'])
    symlinkSync(join('..data', name), join(folder, 'mounted', name))
  expect(await tributary('validate', 'mounted')).toMatchObject({
    code: 0,
    out: 'valid: 2 documents in 2 files',
  })
})

test('folders inside are read, other files are not, and a duplicate is named with both places', async () => {
  mkdirSync(join(folder, 'shop', 'traits'), { recursive: true })
  writeFileSync(join(folder, 'shop', 'README.md'), '# not: [yaml')
  writeFileSync(join(folder, 'shop', 'a.yaml'), `${workspace}---\n${trait('orders')}`)
  writeFileSync(join(folder, 'shop', 'traits', 'b.yaml'), trait('orders'))
  expect(await tributary('validate', 'shop')).toMatchObject({
    code: 1,
    out: 'shop/traits/b.yaml:2:5: there is a Trait `orders` already, at shop/a.yaml:7',
  })
})

test('no such folder, and none with documents in it, are sentences', async () => {
  mkdirSync(join(folder, 'empty'))
  expect((await tributary('validate', 'nowhere')).err).toBe('error: there is no file or folder nowhere')
  expect((await tributary('validate', 'empty')).err).toBe(
    'error: there is no YAML file (*.yaml, *.yml) in empty',
  )
})
