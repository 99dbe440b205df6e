/**
 * Writes the tables into docs/reference/metrics.md; format the file afterwards.
 *   node --conditions=tributary-source tools/metrics-reference.ts && oxfmt docs/reference/metrics.md
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { declaredMetrics } from '../tests/monitoring/declaredMetrics.ts'
import { metricsTables } from '../tests/monitoring/metricsTables.ts'

const page = new URL('../docs/reference/metrics.md', import.meta.url)
const HEADING = '## The metrics\n\n'
const [before] = readFileSync(page, 'utf8').split(HEADING)
writeFileSync(page, `${before}${HEADING}${metricsTables(declaredMetrics())}`)
