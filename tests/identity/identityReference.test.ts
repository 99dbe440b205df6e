/**
 * The examples of docs/reference/identity.md, run as they stand: the rules of its first YAML block, and every block of
 * `identity`. What is claimed holds whatever the order of arrival.
 *
 *     HH:MM seen|identify|alias|trusted-alias|<fact> IDS     an event or a fact
 *     rules owner|blocked|TYPE …                             a change of the rules
 *     plan: …                                                what a plan of that change says
 *     => NAME: IDS                                           a profile and everybody in it
 *     => conflict: A B                                       a refused link
 */
import { expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  formatProblem,
  type IdentityDocument,
  parseDocuments,
  resolverRules,
  validateWorkspace,
} from '@tributary/configuration'
import {
  type EvidenceClass,
  type EvidenceMember,
  type FactKind,
  type ResolverRules,
  createIdentityResolver,
  evidenceId,
  planRules,
  profileOf,
} from '@tributary/domain'
import { type ResolverInput, createMemoryIdentityRows, resolveAll } from '@tributary/domain/testing'
import { rulesFrom } from '../../services/identity-stitcher/src/evidenceMessages.ts'

const page = readFileSync(new URL('../../docs/reference/identity.md', import.meta.url), 'utf8')
const blocks = [...page.matchAll(/```(yaml|identity)\n([^]*?)```/g)].map(([, kind, text]) => ({
  kind,
  text: text!,
}))
const examples = blocks
  .filter(({ kind }) => kind === 'identity')
  .map(({ text }, index) => ({
    name: `${index + 1}: ${text.split('\n')[0]} …`,
    lines: text.trim().split('\n'),
  }))

const types: { readonly [letter: string]: string } = {
  u: 'user_id',
  l: 'loyalty_id',
  e: 'email',
  a: 'anonymous_id',
}
const classes: { readonly [word: string]: EvidenceClass } = {
  seen: 'co-occurrence',
  identify: 'identify',
  alias: 'alias',
  'trusted-alias': 'join',
}
const workspace = 'kind: Workspace\nschema: tributary/v1\nid: maison\ntimeZone: UTC\n'
const rulesOfThePage = ((): ResolverRules => {
  const { text } = blocks.find(({ kind }) => kind === 'yaml')!
  const parsed = parseDocuments([{ name: 'example', text: `${workspace}---\n${text}` }])
  const problems = [...parsed.problems, ...validateWorkspace(parsed.documents)].map(formatProblem)
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const document = parsed.documents.map((each) => each.document).find(({ kind }) => kind === 'Identity')
  return rulesFrom(resolverRules(document as IdentityDocument, 0, 'page', []))
})()

const memberOf = (name: string): EvidenceMember => ({ type: types[name[0]!]!, id: name })
const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

/** "09:05 seen u2 a1" as an input of the resolver. */
function inputOf(line: string): ResolverInput {
  const [time = '', word = '', ...names] = line.split(' ')
  const timeMs = Date.parse(`2026-05-01T${time}:00Z`)
  const evidenceClass = classes[word]
  if (!evidenceClass) {
    const members = word === 'retract' ? [] : names.map(memberOf)
    const retracts = word === 'retract' ? names[0]! : undefined
    const said = { actor: 'Grace', reason: 'an example', timeMs }
    return { kind: 'fact', fact: { id: time, kind: word as FactKind, members, retracts, ...said } }
  }
  const members = names.map(memberOf).sort((x, y) => (x.id < y.id ? -1 : 1))
  const id = evidenceId(members, evidenceClass, 'web', hash)
  return {
    kind: 'evidence',
    evidence: {
      id,
      class: evidenceClass,
      sourceId: 'web',
      members,
      firstTimeMs: timeMs,
      messageId: time,
      receivedTimeMs: timeMs,
    },
  }
}

/** "rules anonymous_id maxPerProfile 2": the rules so far with that changed. */
function changed(rules: ResolverRules, [what = '', ...values]: readonly string[]): ResolverRules {
  if (what === 'owner') return { ...rules, owner: values[0] as ResolverRules['owner'] }
  if (what === 'blocked') return { ...rules, blocked: values.map(memberOf) }
  const [key = '', value] = values
  return {
    ...rules,
    types: rules.types.map((each) => (each.type === what ? { ...each, [key]: Number(value) } : each)),
  }
}

/** What a retraction of a line takes back: its fact, or its evidence. */
function resolveRetractions(inputs: readonly ResolverInput[]): readonly ResolverInput[] {
  const evidenceAt = new Map(
    inputs.flatMap((each) =>
      each.kind === 'evidence' ? [[each.evidence.messageId, each.evidence.id] as const] : [],
    ),
  )
  return inputs.map((each) =>
    each.kind === 'fact' && each.fact.retracts !== undefined
      ? {
          ...each,
          fact: { ...each.fact, retracts: evidenceAt.get(each.fact.retracts) ?? each.fact.retracts },
        }
      : each,
  )
}

interface Found {
  /** Profile → everybody in it. */
  readonly profiles: Readonly<Record<string, readonly string[]>>
  readonly conflicts: readonly string[]
}

function run(inputs: readonly ResolverInput[]) {
  const rows = createMemoryIdentityRows()
  const resolver = createIdentityResolver(rows)
  inputs.forEach((input, index) => {
    if (input.kind === 'evidence') resolver.evidence(input.evidence)
    else if (input.kind === 'fact') resolver.fact(input.fact)
    else resolver.rules(input.rules, index, input.configOffset)
    while (resolver.isWalking()) resolver.walk(2)
  })
  return rows
}

function foundBy(profiles: Iterable<readonly [string, string]>, conflicts: Iterable<string>): Found {
  const members: Record<string, string[]> = {}
  for (const [id, profile] of profiles) (members[profile.replace(/-0$/, '')] ??= []).push(id)
  for (const each of Object.values(members)) each.sort()
  return { profiles: members, conflicts: [...conflicts].sort() }
}

function resolved(inputs: readonly ResolverInput[]): Found {
  const rows = run(inputs)
  return foundBy(
    [...rows.identifiers.range('', '~')].map(([id, row]) => {
      const name = profileOf(id, row)
      return [id, `${name.identifierId}-${name.generation}`] as const
    }),
    [...rows.conflicts.range('', '~')].map(([key]) => key),
  )
}

function claimed(lines: readonly string[]): Found {
  const said = lines.map((line) => line.slice('=> '.length).split(': ') as [string, string])
  return {
    profiles: Object.fromEntries(
      said.filter(([name]) => name !== 'conflict').map(([name, ids]) => [name, ids.split(' ').sort()]),
    ),
    conflicts: said.flatMap(([name, ids]) => (name === 'conflict' ? [ids.replace(' ', '|')] : [])).sort(),
  }
}

function planned(inputs: readonly ResolverInput[], rules: ResolverRules): string {
  const rows = run(inputs)
  const steps = planRules(() => rows, rules, { samples: 0 })
  for (;;) {
    const step = steps.next()
    if (!step.done) continue
    const { profiles, identifiers } = step.value
    const moves = identifiers.merge + identifiers.split + identifiers.rename
    return `${profiles.merge} merged, ${profiles.split} split, ${profiles.rename} renamed, ${moves} identifier moves`
  }
}

/** What the lines claim beside what comes out. */
interface Checked {
  readonly line: string
  readonly claimed: unknown
  readonly found: unknown
}

function check(lines: readonly string[]): readonly Checked[] {
  let rules = rulesOfThePage
  let offset = 0
  const inputs: ResolverInput[] = [{ kind: 'rules', rules, configOffset: offset }]
  let before: readonly ResolverInput[] = []
  let claims: string[] = []
  return lines.flatMap((line, index): readonly Checked[] => {
    if (line.startsWith('=> ')) {
      claims.push(line)
      if (lines[index + 1]?.startsWith('=> ')) return []
      const all = resolveRetractions(inputs)
      const oracle = resolveAll(all)
      const claim = claimed(claims)
      claims = []
      const ways = [resolved(all), resolved(all.toReversed()), foundBy(oracle.profiles, oracle.conflicts)]
      return ways.map((found) => ({ line, claimed: claim, found }))
    }
    if (line.startsWith('plan: '))
      return [{ line, claimed: line, found: `plan: ${planned(resolveRetractions(before), rules)}` }]
    if (line.startsWith('rules ')) {
      before = [...inputs]
      rules = { ...changed(rules, line.split(' ').slice(1)), hash: line }
      inputs.push({ kind: 'rules', rules, configOffset: ++offset })
    } else inputs.push(inputOf(line))
    return []
  })
}

test.each(examples)('example $name', ({ lines }) => {
  const checked = check(lines)
  expect(checked.map(({ line, found }) => ({ line, is: found }))).toEqual(
    checked.map(({ line, claimed: claim }) => ({ line, is: claim })),
  )
  expect(checked.length).toBeGreaterThan(0)
})

test('there is an example of every kind of fact, and of every class of evidence', () => {
  const words = new Set(examples.flatMap(({ lines }) => lines.map((line) => line.split(' ')[1])))
  const facts = ['join', 'separate', 'block', 'unblock', 'shared', 'not-shared', 'retract', 'erase']
  expect([...facts, ...Object.keys(classes)].filter((each) => !words.has(each))).toEqual([])
})
