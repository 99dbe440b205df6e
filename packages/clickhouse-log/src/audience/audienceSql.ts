/**
 * The SQL back-end of audiences: who is in one, worked out from the event log alone. For previews of what is not in
 * force yet, and to hold against what the streaming evaluator says.
 *
 *  S1. It means what packages/domain/src/audience/judgeAudience.ts judges; a property test over random conditions and
 *      events holds the two together.
 *  S2. Event leaves count in attributed_events: every event that was folded, by the profile it belongs to now.
 *  S3. All else is read from profile_changes: the last value of each path since the profile last came to be. So is a
 *      computed trait, as it was last shown; one that is not shown so yet is counted in the events (S2).
 */
import {
  type AggregateDefinition,
  type CompiledAudience,
  type CompiledLeaf,
  type CompiledNode,
  type EventFilter,
  type Window,
  parsePath,
} from '@tributary/domain'
import { type ClickHouse, quoteText } from '../clickHouse.ts'
import { sampleSql } from './sampleSql.ts'
import { canonicalSql, comparesSql, numberComparesSql, numberSql } from './comparisonSql.ts'

export interface ComputedInLog {
  /** Whether nothing counted reads as 0. */
  readonly fromZero: boolean
  /** How it would be computed, where what is shown is not that. */
  readonly counted?: AggregateDefinition
}

/** What can be counted in SQL; the others are values of events, of which the log has no order yet. */
export function isCountedInLog({ kind }: AggregateDefinition): boolean {
  return kind !== 'first' && kind !== 'last' && kind !== 'mostFrequent' && kind !== 'uniqueList'
}

/** An audience that others read, and what its traits are. */
export interface AudienceWorld {
  /** Every audience that is read, by id. */
  readonly audiences: ReadonlyMap<string, CompiledAudience>
  /** Ids of those that nobody enters or leaves: their members are who is in them. */
  readonly frozen?: ReadonlySet<string>
  /** Computed traits by id. */
  readonly computed: ReadonlyMap<string, ComputedInLog>
  /** The moment that windows look back from, ms since 1970. */
  readonly nowMs: number
}

/** A query of the members of several audiences, in columns `profile_id` and `audience`: one look at the log for all. */
export function membersSql(
  clickhouse: ClickHouse,
  audiences: ReadonlyMap<string, CompiledAudience>,
  world: AudienceWorld,
): string {
  const columns = new Map<string, string>()
  /** The column of an aggregate of a profile's events; the same one for the same aggregate. */
  const column = (expression: string): string => {
    const known = columns.get(expression) ?? `e${columns.size}`
    columns.set(expression, known)
    return `events.${known}`
  }
  const members = [...audiences].map(
    ([id, audience]) =>
      `(${nodeSql(audience, audience.root, { ...world, column, within: new Set() })}, ${quoteText(id)})`,
  )
  const counted = [...columns].map(([expression, name]) => `, ${expression} AS ${name}`).join('')
  const { database } = clickhouse
  return `SELECT people.profile_id AS profile_id,
  arrayJoin(arrayFilter(one -> one.1, [${members.join(', ')}])).2 AS audience
FROM (
  SELECT profile_id, CAST((groupArray(path), groupArray(raw)), 'Map(String, String)') AS state FROM (
    SELECT profile_id, path, argMax(JSONExtractRaw(value, 'after', path), version) AS raw
    FROM (
      SELECT *, maxIf(version, op = 'd') OVER (PARTITION BY profile_id) AS ended
      FROM ${database}.profile_changes
    )
    ARRAY JOIN changed AS path
    WHERE version > ended
    GROUP BY profile_id, path
  ) GROUP BY profile_id
) AS people
LEFT JOIN (
  SELECT profile_id${counted}
  FROM (
    SELECT profile_id, name, source, type, toUnixTimestamp64Milli(time) AS ms,
      if(payload = '', raw, payload) AS body
    FROM ${database}.attributed_events
  ) GROUP BY profile_id
) AS events ON events.profile_id = people.profile_id`
}

interface Scope extends AudienceWorld {
  readonly column: (expression: string) => string
  /** Audiences that are being written: one that stands in a circle for a moment has no members. */
  readonly within: ReadonlySet<CompiledAudience>
}

function nodeSql(audience: CompiledAudience, node: CompiledNode, scope: Scope): string {
  if ('all' in node) return `(${node.all.map((each) => nodeSql(audience, each, scope)).join(' AND ')})`
  if ('any' in node) return `(${node.any.map((each) => nodeSql(audience, each, scope)).join(' OR ')})`
  if ('not' in node) return `NOT ${nodeSql(audience, node.not, scope)}`
  return leafSql(audience.leaves[node.leaf]!, { ...scope, within: new Set([...scope.within, audience]) })
}

function leafSql(leaf: CompiledLeaf, scope: Scope): string {
  const { comparison } = leaf
  switch (leaf.kind) {
    case 'trait':
      return comparesSql(traitSql(leaf.trait, scope), comparison)
    case 'aggregate':
      return aggregateLeafSql(leaf.aggregate, comparison, scope)
    case 'inactive':
      return `(${scope.column(`countIf(${stillIn(leaf.window, scope.nowMs)})`)} = 0)`
    case 'audience': {
      if (scope.frozen?.has(leaf.audience)) return comparesSql(state(`audiences.${leaf.audience}`), {})
      const read = scope.audiences.get(leaf.audience)
      return read && !scope.within.has(read) ? nodeSql(read, read.root, scope) : 'false'
    }
    case 'identifier': {
      const type = quoteText(leaf.type)
      const has = `arrayExists(one -> JSONExtractString(one, 'type') = ${type}, JSONExtractArrayRaw(${state('identifiers')}))`
      return comparison.eq === true ? has : `NOT ${has}`
    }
    case 'consent':
      return comparesSql(state(`consent.${leaf.purpose}`), comparison)
    case 'sample':
      return `(${sampleSql(leaf.salt, 'people.profile_id')} < ${Number(comparison.lt) * 10_000})`
  }
}

const state = (path: string): string => `people.state[${quoteText(path)}]`

/** Values below a path make it an object, of which only that it is there can be asked. */
function traitSql(name: string, { computed, column, nowMs }: Scope): string {
  const trait = computed.get(name)
  if (trait?.counted) return `ifNull(toString(${column(aggregateSql(trait.counted, nowMs))}), '')`
  if (trait) {
    const raw = state(`computed.${name}`)
    return trait.fromZero ? `if(${raw} = '', '0', ${raw})` : raw
  }
  const path = name.startsWith('traits.') ? name : `traits.${name}`
  const below = quoteText(`${path}.`)
  const isObject = `arrayExists((path, raw) -> startsWith(path, ${below}) AND raw NOT IN ('', 'null'), mapKeys(people.state), mapValues(people.state))`
  return `if(${state(path)} IN ('', 'null') AND ${isObject}, '{}', ${state(path)})`
}

/** See expiryOf in packages/domain/src/aggregate/window.ts. */
function stillIn({ unitMs, units }: Window, nowMs: number): string {
  return `(intDiv(ms, ${unitMs}) * ${unitMs} + ${(units + 1) * unitMs} > ${nowMs})`
}

function aggregateLeafSql(
  aggregate: AggregateDefinition,
  comparison: CompiledLeaf['comparison'],
  scope: Scope,
): string {
  const { kind, steps, takesAtMostMs = Number.MAX_SAFE_INTEGER } = aggregate
  if (kind === 'sequence' && steps) return sequenceSql(steps, takesAtMostMs, scope)
  return numberComparesSql(scope.column(aggregateSql(aggregate, scope.nowMs)), comparison)
}

/** From each first step on, the earliest time of every next one; NULL when there is none. */
function sequenceSql(
  steps: NonNullable<AggregateDefinition['steps']>,
  takesAtMostMs: number,
  { column }: Scope,
): string {
  const [firsts, ...rest] = steps.map(({ event, filter }) =>
    column(`arraySort(groupArrayIf(ms, ${selects(event, filter)}))`),
  )
  const last = rest.reduce(
    (before, times) => `arrayFirstOrNull(at -> ifNull(at > ${before}, false), ${times})`,
    'first',
  )
  return `arrayExists(first -> ifNull(${last} - first <= ${takesAtMostMs}, false), ${firsts})`
}

/** A number of a profile's events; NULL for no value. */
function aggregateSql(aggregate: AggregateDefinition, nowMs: number): string {
  const { kind, event, filter, path = '', within, fromMs, toMs } = aggregate
  const chosen = [
    selects(event, filter),
    ...(within ? [stillIn(within, nowMs)] : []),
    ...(fromMs === undefined ? [] : [`ms >= ${fromMs}`]),
    ...(toMs === undefined ? [] : [`ms < ${toMs}`]),
  ].join(' AND ')
  const raw = pathSql(path)
  const number = numberSql(raw)
  const counts = `${chosen} AND isNotNull(${number})`
  switch (kind) {
    case 'sum':
      return `ifNull(sumIf(${number}, ${counts}), 0)`
    case 'average':
      return `if(countIf(${counts}) = 0, NULL, round(sumIf(${number}, ${counts}) / countIf(${counts}), 10))`
    case 'min':
    case 'max':
      return `if(countIf(${counts}) = 0, NULL, ${kind}If(${number}, ${counts}))`
    case 'distinct':
      return `uniqExactIf(${canonicalSql(raw)}, ${chosen} AND ${raw} NOT IN ('', 'null'))`
    case 'count':
    case 'sequence':
    case 'first':
    case 'last':
    case 'mostFrequent':
    case 'uniqueList':
      // The last four are of traits alone.
      return `countIf(${chosen})`
  }
}

function selects(event: string, filter: EventFilter | undefined): string {
  const parts = Object.entries(filter ?? {}).map(([path, given]) =>
    comparesSql(pathSql(path), typeof given === 'object' ? given : { eq: given }),
  )
  return [`name = ${quoteText(event)}`, ...parts].join(' AND ')
}

/** What stands at a path of an event, as JSON. */
function pathSql(text: string): string {
  if (text === 'source' || text === 'type' || text === 'name') return `toJSONString(toString(${text}))`
  const path = parsePath(text) ?? []
  // A whole number picks an element of a list; ClickHouse counts from 1.
  const parts = path.map((part) =>
    /^(0|[1-9]\d{0,8})$/.test(part) ? String(Number(part) + 1) : quoteText(part),
  )
  return `JSONExtractRaw(body, ${parts.join(', ')})`
}
