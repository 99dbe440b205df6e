/** Runbooks are followed at night: each command, link, workload and metric in them is real. */
import { expect, test } from '@jest/globals'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { createProgram } from '../../packages/cli/src/program.ts'
import type { Context } from '../../packages/cli/src/context.ts'
import { declaredMetrics } from './declaredMetrics.ts'
import { shortName } from './metricsTables.ts'
import { readRules, root } from './ruleFiles.ts'

const alerts = readRules().filter(({ alert }) => alert !== undefined)
const folder = 'docs/operating/runbooks'
const pages = globSync(`${folder}/*.md`, { cwd: root }).sort()
/** Other pages whose commands and links are held to the same. */
const others = ['docs/operating/monitoring.md', 'docs/operating/sizing.md']
const textOf = (page: string) => readFileSync(join(root, page), 'utf8')

test('every alert has a runbook that names it, and every runbook an alert', () => {
  for (const { alert, annotations } of alerts) {
    const page = annotations!['runbook']!
    expect(pages).toContain(page)
    expect(textOf(page)).toContain(`\`${alert}\``)
    expect(textOf(join(folder, 'README.md'))).toContain(`\`${alert}\``)
  }
  const used = new Set(alerts.map(({ annotations }) => annotations!['runbook']))
  expect(pages.filter((page) => !used.has(page))).toEqual([`${folder}/README.md`])
})

test('a runbook says what one sees, why, and what to do', () => {
  for (const page of pages.filter((each) => !each.endsWith('README.md')))
    expect([page, [...textOf(page).matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)]).toEqual([
      page,
      ['What you see', 'Why', 'What to do'],
    ])
})

/** "$ …" in code, up to its end. */
function commandsIn(text: string): string[] {
  return [...text.matchAll(/\$ ([^\n`]+)/g)].map(([, command]) => command!.trim())
}

const program = createProgram(
  {} as Context,
  () => undefined,
  () => Promise.reject(new Error('not asked')),
)

/** Undefined when the words are a command with options that it has. */
function tributaryProblem(words: readonly string[]): string | undefined {
  let command: (typeof program.commands)[number] = program
  let at = 0
  for (let next; (next = command.commands.find((each) => each.name() === words[at])); at++) command = next
  if (
    command === program ||
    (command.commands.length > 0 && command.registeredArguments.length === 0 && words.length > at)
  )
    return 'there is no such command'
  const options = new Map(
    command.options.flatMap(
      (option) =>
        [
          [option.long, option],
          [option.short, option],
        ] as const,
    ),
  )
  let values = 0
  for (let i = at; i < words.length; i++) {
    const word = words[i]!
    if (!word.startsWith('-')) values++
    else if (word !== '--help') {
      const option = options.get(word)
      if (!option) return `it has no option ${word}`
      if (option.required || option.optional) i++
    }
  }
  const needed = command.registeredArguments.filter(({ required }) => required).length
  const most = command.registeredArguments.some(({ variadic }) => variadic)
    ? Infinity
    : command.registeredArguments.length
  const isHelp = words.includes('--help')
  return !isHelp && (values < needed || values > most) ? `it takes ${needed} to ${most} values` : undefined
}

test.each([
  [['audit', '--hours', '24'], undefined],
  [['audit', '--weeks', '2'], 'it has no option --weeks'],
  [['autid'], 'there is no such command'],
  [['delivery', 'redrove'], 'there is no such command'],
  [['rollback'], 'it takes 1 to 1 values'],
])('the check knows commands: %j', (words, problem) => {
  expect(tributaryProblem(words)).toBe(problem)
})

const workloads = new Set(
  globSync('k8s/base/*.yaml', { cwd: root }).flatMap((file) =>
    parseAllDocuments(textOf(file)).flatMap((document) => {
      const object = document.toJS() as { kind?: string; metadata?: { name: string } } | null
      return object?.metadata ? [`${object.kind!.toLowerCase()}/${object.metadata.name}`] : []
    }),
  ),
)

const KUBECTL = new Set(['get', 'describe', 'logs', 'exec', 'delete', 'rollout', 'scale', 'top', 'create'])

function kubectlProblem([verb, ...words]: readonly string[]): string | undefined {
  if (!KUBECTL.has(verb ?? '')) return `kubectl has no ${verb}`
  for (const word of words) {
    if (/^[a-z]+\/[a-z]/.test(word) && !word.includes('=') && !workloads.has(word))
      return `k8s/base has no ${word}`
    const pod = /^([a-z-]+)-\d+$/.exec(word)
    if (pod && !workloads.has(`statefulset/${pod[1]}`)) return `k8s/base has no pods ${word}`
  }
  const command = words.indexOf('--')
  return command < 0 ? undefined : problemOf(words.slice(command + 1))
}

function problemOf([name, ...words]: readonly string[]): string | undefined {
  if (name === 'tributary') return tributaryProblem(words)
  return name === 'kubectl' ? kubectlProblem(words) : `nobody knows ${name}`
}

test('every command of a runbook exists, with its options; every workload is one of k8s/base', () => {
  const found = [...pages, ...others].flatMap((page) =>
    commandsIn(textOf(page)).map((command) => ({ page, command, problem: problemOf(command.split(/\s+/)) })),
  )
  expect(found.length).toBeGreaterThan(60)
  expect(found.filter(({ problem }) => problem !== undefined)).toEqual([])
})

test('every link of a runbook leads to a file', () => {
  for (const page of [...pages, ...others])
    for (const [, target] of textOf(page).matchAll(/\]\(([^)#]+)[^)]*\)/g))
      expect([page, target, existsSync(join(root, dirname(page), target!))]).toEqual([page, target, true])
})

test('every metric that a runbook names exists', () => {
  const declared = declaredMetrics()
  const names = new Set(
    declared.flatMap(({ name, type }) => (type === 'histogram' ? [name, `${name}_count`] : [name])),
  )
  for (const page of [...pages, ...others])
    for (const [, name] of textOf(page).matchAll(/`(tributary_[a-z_]+)`/g))
      expect([page, name, names.has(name!)]).toEqual([page, name, true])
  const short = new Set(declared.map(shortName))
  for (const page of pages)
    for (const [, name] of textOf(page).matchAll(/`(task_[a-z_]+)`/g))
      expect([page, name, short.has(name!)]).toEqual([page, name, true])
})
