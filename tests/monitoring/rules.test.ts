import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { declaredMetrics } from './declaredMetrics.ts'
import { expressionProblems } from './expressionProblems.ts'
import { readRules, readRuleTests, recordedSeries, root } from './ruleFiles.ts'
import { STAMP_FILE, rulesStamp } from './rulesStamp.ts'

const declared = declaredMetrics()
const rules = readRules()
const recorded = recordedSeries(rules)
const alerts = rules.filter(({ alert }) => alert !== undefined)

test('every rule is PromQL and names metrics and labels that exist', () => {
  expect(rules.length).toBeGreaterThan(25)
  const problems = rules.flatMap(({ alert, record, expr }) =>
    expressionProblems(expr, declared, recorded).map((problem) => `${alert ?? record}: ${problem}`),
  )
  expect(problems).toEqual([])
})

test.each([
  ['sum by (source (x)', 'no PromQL at'],
  ['1 > 0', 'names no metric'],
  ['tributary_collector_gone_total', 'there is no metric tributary_collector_gone_total'],
  ['tributary_collector_request_duration_seconds', 'there is no metric'],
  ['tributary_collector_accepted_events_total{topic="x"}', 'has no label topic'],
  ['sum by (topic) (tributary_collector_accepted_events_total)', 'none of its metrics has topic'],
  ['sum by (le) (tributary_collector_request_duration_seconds_count)', 'none of its metrics has le'],
])('%s is found to be wrong', (expr, problem) => {
  expect(expressionProblems(expr, declared)).toEqual([expect.stringContaining(problem)])
})

test('an alert has a severity, a summary of what is labelled, and one name', () => {
  const names = alerts.map(({ alert }) => alert)
  expect(new Set(names).size).toBe(names.length)
  for (const { alert, labels, annotations } of alerts) {
    expect([alert, labels]).toEqual([alert, { severity: expect.stringMatching(/^(page|ticket)$/) }])
    expect(alert).toMatch(/^Tributary[A-Z][A-Za-z]+$/)
    expect(Object.keys(annotations ?? {})).toEqual(['summary', 'runbook'])
  }
})

test('every alert has a case in which it fires and one in which it does not', () => {
  const cases = [...readRuleTests().values()].flat().flatMap((each) => each.alert_rule_test)
  for (const { alert } of alerts) {
    const own = cases.filter(({ alertname }) => alertname === alert)
    expect([alert, own.some((each) => each.exp_alerts.length > 0)]).toEqual([alert, true])
    expect([alert, own.some((each) => each.exp_alerts.length === 0)]).toEqual([alert, true])
  }
  const known = new Set(alerts.map(({ alert }) => alert))
  expect(cases.filter(({ alertname }) => !known.has(alertname))).toEqual([])
})

test('promtool has passed these rules and these cases; `make rules` asks it', () => {
  expect(rulesStamp(root)).toBe(readFileSync(join(root, STAMP_FILE), 'utf8').trim())
})
