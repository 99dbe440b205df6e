/**
 * What is wrong with one document by itself: its shape, secrets written inline, and what no schema can say (zones,
 * countries, regular expressions, keys that contradict each other).
 */
import { isSupportedCountry } from 'libphonenumber-js'
import { MAX_WINDOW_UNITS, eventLeafKinds, parseWindow, readTime } from '@tributary/domain'
import {
  kinds,
  type AudienceDocument,
  type Document,
  type Kind,
  type SourceDocument,
} from '../model/index.ts'
import type { EventLeaf, IdentityDocument, TraitDocument, WorkspaceDocument } from '../model/index.ts'
import { traitSelection } from '../traitAggregate.ts'
import { checkSchema, type Finding, type PathStep, type Schema } from './checkSchema.ts'
import { findInlineSecrets } from './inlineSecrets.ts'
import { leavesOf } from './leaves.ts'

export function checkDocument(kind: Kind, value: unknown): Finding[] {
  const secrets = findInlineSecrets(value)
  const shape = checkSchema(kinds[kind] as unknown as Schema, value).filter(
    (finding) => !secrets.some((secret) => sameOrAbove(finding.path, secret.path)),
  )
  const broken = shape.some((finding) => !finding.notYet) || secrets.length > 0
  return [...secrets, ...shape, ...(broken ? [] : checkMeaning(value as Document))]
}

/** A finding about a secret's place, or about what holds it, would only repeat it less clearly. */
function sameOrAbove(path: readonly PathStep[], secret: readonly PathStep[]): boolean {
  return path.length >= secret.length - 1 && path.every((step, i) => i >= secret.length || step === secret[i])
}

function checkMeaning(document: Document): Finding[] {
  switch (document.kind) {
    case 'Workspace':
      return checkWorkspaceDocument(document)
    case 'Source':
      return checkSourceDocument(document)
    case 'Identity':
      return checkIdentityDocument(document)
    case 'Audience':
      return checkAudienceDocument(document)
    case 'Sync':
      return 'profile' in document.from && document.on
        ? [
            {
              path: ['on'],
              atKey: true,
              message: '`on` is for an audience; changes of a profile have no entering or leaving',
            },
          ]
        : []
    case 'Destination':
      return document.webhook ? checkAddress(document.webhook.url, ['webhook', 'url']) : []
    case 'Trait':
      return checkTraitDocument(document)
  }
}

function checkTraitDocument(document: TraitDocument): Finding[] {
  const found = traitSelection(document)
  return found ? checkWindow(found.selection.within, [found.kind, 'within']) : []
}

function checkWindow(window: string | undefined, path: readonly PathStep[]): Finding[] {
  if (window === undefined || parseWindow(window)) return []
  const message = `a window has at most ${MAX_WINDOW_UNITS} minutes, hours or days: write a longer one in larger units`
  return [{ path, message }]
}

function checkWorkspaceDocument(document: WorkspaceDocument): Finding[] {
  const findings = checkZone(document.timeZone, ['timeZone'])
  if (document.region !== undefined && !isSupportedCountry(document.region))
    findings.push({ path: ['region'], message: `"${document.region}" is no country with phone numbers` })
  return findings
}

function checkSourceDocument(document: SourceDocument): Finding[] {
  const findings = document.zone === undefined ? [] : checkZone(document.zone, ['zone'])
  const time = document.map?.time
  if (typeof time === 'object' && time.zone !== undefined)
    findings.push(...checkZone(time.zone, ['map', 'time', 'zone']))
  const format = document.kafka?.format
  const rows = format === 'debezium' || format === 'connect'
  if (document.webhook && !document.map)
    findings.push({
      path: ['webhook'],
      atKey: true,
      message: 'a webhook needs `map`: how a delivery becomes an event',
    })
  if ((format === 'json' || rows) && !document.map)
    findings.push({
      path: ['kafka', 'format'],
      message: `${rows ? 'rows need' : 'plain JSON needs'} \`map\`: how a record becomes an event`,
    })
  if (document.map && format === 'segment')
    findings.push({
      path: ['map'],
      atKey: true,
      message:
        '`map` is for a Kafka topic of format json, cloudevents, debezium or connect, a webhook, or files over HTTP',
    })
  if (document.kafka?.onDelete !== undefined && !rows)
    findings.push({
      path: ['kafka', 'onDelete'],
      atKey: true,
      message: '`onDelete` is for rows of tables: format debezium or connect',
    })
  if (document.kafka?.onDelete === 'erase' && !isPerson(document.map?.type))
    findings.push({
      path: ['kafka', 'onDelete'],
      message: 'only rows that are people may erase: `map.type` must be {const: identify}',
    })
  return findings
}

function isPerson(type: NonNullable<SourceDocument['map']>['type']): boolean {
  return typeof type === 'object' && 'const' in type && type.const === 'identify'
}

function checkIdentityDocument(document: IdentityDocument): Finding[] {
  const findings: Finding[] = []
  const seen = new Set<string>()
  for (const [i, rule] of document.types.entries()) {
    if (seen.has(rule.type))
      findings.push({ path: ['types', i, 'type'], message: `\`${rule.type}\` stands here twice` })
    seen.add(rule.type)
    if (rule.pattern !== undefined) findings.push(...checkPattern(rule.pattern, ['types', i, 'pattern']))
    if (rule.strength === 'strong' && rule.sharedAfter !== undefined)
      findings.push({
        path: ['types', i, 'sharedAfter'],
        atKey: true,
        message: 'only a weak type is ever shared: leave `sharedAfter` out, or make the type weak',
      })
  }
  for (const [i, pattern] of (document.placeholders?.patterns ?? []).entries())
    findings.push(...checkPattern(pattern, ['placeholders', 'patterns', i]))
  for (const [i, blocked] of (document.blocked ?? []).entries())
    if (!seen.has(blocked.type))
      findings.push({
        path: ['blocked', i, 'type'],
        message: `\`${blocked.type}\` is none of the types above`,
      })
  return findings
}

const windows = ['within', 'between', 'since', 'ever'] as const

function checkAudienceDocument(document: AudienceDocument): Finding[] {
  return leavesOf(document.where, ['where']).flatMap(({ leaf, path }) => {
    if ('inactive' in leaf) return checkWindow(leaf.inactive.for, [...path, 'inactive', 'for'])
    if (!('event' in leaf)) return []
    return [
      ...checkOneOf(leaf, eventLeafKinds, path),
      ...checkOneOf(leaf, windows, path),
      ...checkWindow(leaf.within, [...path, 'within']),
      ...checkDates(leaf, path),
      ...checkCompared(leaf, path),
    ]
  })
}

/** Sums and the like of nothing are 0 or no value: what to compare them with has to be said. */
function checkCompared(leaf: EventLeaf, path: readonly PathStep[]): Finding[] {
  return eventLeafKinds.flatMap((kind) => {
    const asked = leaf[kind]
    if (asked === undefined || Object.keys(asked).some((key) => key !== 'path')) return []
    return [
      {
        path: [...path, kind],
        atKey: true,
        message: `\`${kind}\` compares with nothing: add gte, lt or another`,
      },
    ]
  })
}

function checkDates({ between, since }: EventLeaf, path: readonly PathStep[]): Finding[] {
  const dates: [string, readonly PathStep[]][] = between
    ? [
        [between.from, [...path, 'between', 'from']],
        [between.to, [...path, 'between', 'to']],
      ]
    : []
  if (since !== undefined) dates.push([since, [...path, 'since']])
  const wrong = dates.flatMap(([text, at]): Finding[] =>
    readTime(text) ? [] : [{ path: at, message: `there is no ${text} in the calendar` }],
  )
  if (wrong.length > 0 || !between || readTime(between.from)!.ms < readTime(between.to)!.ms) return wrong
  return [{ path: [...path, 'between', 'to'], message: `${between.to} is not after ${between.from}` }]
}

function checkOneOf(
  leaf: EventLeaf,
  keys: readonly (keyof EventLeaf)[],
  path: readonly PathStep[],
): Finding[] {
  const there = keys.filter((key) => leaf[key] !== undefined)
  return there.length < 2
    ? []
    : [
        {
          path: [...path, there[1]!],
          atKey: true,
          message: `\`${there[0]}\` and \`${there[1]}\` cannot stand together: combine two conditions with all or any`,
        },
      ]
}

function checkAddress(url: string, path: PathStep[]): Finding[] {
  return /^https?:/.test(url) && URL.canParse(url)
    ? []
    : [{ path, message: `"${url}" is no http(s) address` }]
}

function checkZone(zone: string, path: PathStep[]): Finding[] {
  try {
    return Intl.DateTimeFormat('en', { timeZone: zone }) ? [] : []
  } catch {
    return [{ path, message: `"${zone}" is no IANA time zone such as Europe/Paris` }]
  }
}

function checkPattern(pattern: string, path: PathStep[]): Finding[] {
  try {
    return RegExp(pattern, 'u') ? [] : []
  } catch (error) {
    return [{ path, message: `no regular expression: ${(error as Error).message}` }]
  }
}
