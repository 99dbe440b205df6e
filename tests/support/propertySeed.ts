/**
 * Property tests draw new cases in every run on a desk, and a failure prints its seed. In CI they are the same cases
 * each time, so that a change is judged by what it changes. `SEED=n make test ARGS=…` repeats any of them.
 */
import { readFile } from 'node:fs/promises'
import { expect } from '@jest/globals'

const CI_SEED = 1_000_003

const seed = process.env['SEED'] ?? (process.env['CI'] === 'true' ? String(CI_SEED) : undefined)
const { testPath } = expect.getState()
// Only where it is used: to load it takes longer than most tests of the others.
if (seed !== undefined && testPath && (await readFile(testPath, 'utf8')).includes(`'fast-check'`)) {
  if (!/^-?\d+$/.test(seed)) throw new Error(`SEED=${seed}: give a whole number`)
  const { default: fc } = await import('fast-check')
  fc.configureGlobal({ seed: Number(seed) })
}
