import { expect, test } from '@jest/globals'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LABELS } from '@tributary/service-kit'
import { declaredMetrics } from './declaredMetrics.ts'
import { metricsTables, shortName } from './metricsTables.ts'

const root = join(import.meta.dirname, '../..')
const declared = declaredMetrics()

test('every metric that the source makes is declared', () => {
  const made = globSync('{packages,services}/*/src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts') && !file.includes('/testing/'))
    .flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      return [...text.matchAll(/\b(?:counter|gauge|histogram)\(\s*'([a-z0-9_]+)'/g)].map(([, name]) => name!)
    })
  expect(made.length).toBeGreaterThan(40)
  const known = new Set(declared.map(shortName))
  expect(made.filter((name) => !known.has(name))).toEqual([])
})

test('a metric has one type, one meaning and the same labels in every service that has it', () => {
  for (const same of Map.groupBy(declared, shortName).values()) {
    const kinds = same.map(({ type, help, labels }) => JSON.stringify([type, help, labels]))
    expect(new Set(kinds)).toEqual(new Set([kinds[0]]))
  }
})

test('counters end in _total and nothing else does; every help is a phrase without a full stop', () => {
  for (const { name, type, help } of declared) {
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter'])
    expect(help).toMatch(/^(?:[A-Z]|1 ).*[^.]$/)
  }
})

test('every label of LABELS is used', () => {
  const used = new Set(declared.flatMap(({ labels }) => labels))
  expect(Object.keys(LABELS).filter((label) => !used.has(label))).toEqual([])
})

test('docs/reference/metrics.md has the metrics as they are; `node tools/metrics-reference.ts` writes them', () => {
  const page = readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8')
  // The formatter pads the columns.
  const words = (text: string) => text.replaceAll(/[ -]+/g, ' ')
  expect(words(page)).toContain(words(metricsTables(declared)))
  for (const name of page.matchAll(/`(tributary_[a-z_]+)`/g))
    expect(declared.map((metric) => metric.name)).toContain(name[1])
})
