/**
 * Why two identifiers are one person, or what keeps them apart, from the stored evidence and facts.
 */
import { type Evidence, type EvidenceMember } from './evidence.ts'
import { type Fact, isLater } from './fact.ts'
import { type ReadIdentityRows } from './identityState.ts'
import { type IdentityView } from './identityView.ts'
import { type Link } from './link.ts'
import { type Conflict, type Refusal, type ResolvedComponent, resolveComponent } from './resolveComponent.ts'

export type ExplanationStep =
  /** Two identifiers that belong together, and by what. */
  | { readonly kind: 'linked'; readonly link: Link; readonly because: Evidence | Fact | undefined }
  /** Evidence that would unite two, refused. */
  | {
      readonly kind: 'refused'
      readonly conflict: Conflict
      readonly because: Evidence | Fact | undefined
      /** Who separated them, if that is the reason. */
      readonly separation: Fact | undefined
    }
  | { readonly kind: 'separated'; readonly fact: Fact }
  /** One that joins nobody; `seenWith`: evidence that would count if it did. */
  | {
      readonly kind: 'shared' | 'blocked' | 'contested'
      readonly member: EvidenceMember
      readonly seenWith: Evidence | undefined
      /** Who said so; undefined where evidence or the rules do. */
      readonly said?: Fact | undefined
    }

export interface Explanation {
  readonly a: EvidenceMember
  readonly b: EvidenceMember
  readonly together: boolean
  /** The chain from a to b when together; when apart what stands between them, empty when nothing ever joined them. */
  readonly steps: readonly ExplanationStep[]
}

/** 1,000 identifiers of each side are searched for something that both were seen with: more is not worth a wait. */
const MAX_SEARCHED = 1_000

export function explainIdentity(
  rows: ReadIdentityRows,
  view: IdentityView,
  a: EvidenceMember,
  b: EvidenceMember,
): Explanation {
  return explainWithin(rows, view, resolveComponent(view.componentOf([a.id, b.id]), view.rules), a, b)
}

/** The same where the components of both are resolved already. */
export function explainWithin(
  rows: ReadIdentityRows,
  view: IdentityView,
  resolved: ResolvedComponent,
  a: EvidenceMember,
  b: EvidenceMember,
): Explanation {
  if (a.id === b.id) return { a, b, together: true, steps: [] }
  const because = (link: Link): Evidence | Fact | undefined =>
    link.because.kind === 'evidence' ? view.evidence(link.because.id) : rows.facts.get(link.because.id)
  const stepOf = ({ link, refusal }: Edge): ExplanationStep =>
    refusal
      ? {
          kind: 'refused',
          conflict: { link, refusal },
          because: because(link),
          separation: refusal.reason === 'separated' ? rows.facts.get(refusal.factId) : undefined,
        }
      : { kind: 'linked', link, because: because(link) }

  const edges: Edge[] = [
    ...resolved.links.map((link) => ({ link })),
    ...resolved.conflicts.map(({ link, refusal }) => ({ link, refusal })),
  ]
  const path = shortestPath(edges, a.id, b.id)
  if (path && path.every((edge) => !edge.refusal))
    return { a, b, together: true, steps: path.map((edge) => stepOf(edge)) }

  const steps: ExplanationStep[] = []
  for (const fact of view.activeFactsOf(a.id))
    if (fact.kind === 'separate' && fact.members.some((each) => each.id === b.id))
      steps.push({ kind: 'separated', fact })
  for (const [member, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const standing = view.standing(member.id)
    if (standing !== 'linked')
      steps.push({
        kind: standing,
        member,
        seenWith: evidenceWith(view, member, other),
        said: saidOf(view, member, standing),
      })
    else if (resolved.contested.has(member.id))
      steps.push({ kind: 'contested', member, seenWith: evidenceWith(view, member, other) })
  }
  if (path) steps.push(...path.map((edge) => stepOf(edge)))
  if (steps.length === 0) {
    const clusterOf = (id: string): readonly EvidenceMember[] =>
      resolved.clusters.find(({ members }) => members.some((each) => each.id === id))?.members ?? []
    steps.push(...seenWithBoth(view, clusterOf(a.id), clusterOf(b.id), resolved.contested))
  }
  return { a, b, together: false, steps }
}

interface Edge {
  readonly link: Link
  readonly refusal?: Refusal
}

/** A path with as few refused links as there can be, and among those a short one. */
function shortestPath(edges: readonly Edge[], from: string, to: string): readonly Edge[] | undefined {
  const around = new Map<string, Edge[]>()
  for (const edge of edges)
    for (const end of [edge.link.a.id, edge.link.b.id]) {
      const known = around.get(end)
      if (known) known.push(edge)
      else around.set(end, [edge])
    }
  const cameBy = new Map<string, Edge>()
  const done = new Set([from])
  let reached = [from]
  // Each round goes as far as accepted links lead, then over one refused link.
  while (reached.length > 0) {
    const next: string[] = []
    for (const allowed of [false, true])
      for (const at of reached)
        for (const edge of around.get(at) ?? []) {
          if ((edge.refusal !== undefined) !== allowed) continue
          const other = edge.link.a.id === at ? edge.link.b.id : edge.link.a.id
          if (done.has(other)) continue
          done.add(other)
          cameBy.set(other, edge)
          // Of an array that grows while it is walked the new ends are visited too.
          ;(allowed ? next : reached).push(other)
        }
    reached = next
  }
  if (!cameBy.has(to)) return undefined
  const path: Edge[] = []
  for (let at = to; at !== from;) {
    const edge = cameBy.get(at)!
    path.unshift(edge)
    at = edge.link.a.id === at ? edge.link.b.id : edge.link.a.id
  }
  return path
}

function evidenceWith(
  view: IdentityView,
  member: EvidenceMember,
  other: EvidenceMember,
): Evidence | undefined {
  for (const seen of view.activeEvidenceOf(other.id))
    if (seen.members.some((each) => each.id === member.id)) return seen
  return undefined
}

/** Identifiers that join nobody, but were seen with both sides, or joined to them by a fact. */
function seenWithBoth(
  view: IdentityView,
  one: readonly EvidenceMember[],
  other: readonly EvidenceMember[],
  contested: ReadonlySet<string>,
): readonly ExplanationStep[] {
  const isIdle = ({ id }: EvidenceMember): boolean => view.standing(id) !== 'linked' || contested.has(id)
  const idleOf = (side: readonly EvidenceMember[]): Map<string, [EvidenceMember, Evidence | undefined]> => {
    const found = new Map<string, [EvidenceMember, Evidence | undefined]>()
    for (const { id } of side.slice(0, MAX_SEARCHED)) {
      for (const { kind, members } of view.activeFactsOf(id))
        if (kind === 'join')
          for (const each of members) if (isIdle(each)) found.set(each.id, [each, undefined])
      for (const seen of view.activeEvidenceOf(id))
        for (const each of seen.members) if (isIdle(each)) found.set(each.id, [each, seen])
    }
    return found
  }
  const ofOther = idleOf(other)
  return [...idleOf(one).values()]
    .filter(([member]) => ofOther.has(member.id))
    .map(([member, seenWith]) => {
      const standing = view.standing(member.id)
      return standing === 'linked'
        ? { kind: 'contested', member, seenWith }
        : { kind: standing, member, seenWith, said: saidOf(view, member, standing) }
    })
}

/** The fact that blocks an identifier or declares it shared. */
function saidOf(
  view: IdentityView,
  member: EvidenceMember,
  standing: 'blocked' | 'shared',
): Fact | undefined {
  const [kind, other] = standing === 'blocked' ? ['block', 'unblock'] : ['shared', 'not-shared']
  const latest = view
    .activeFactsOf(member.id)
    .filter((each) => each.kind === kind || each.kind === other)
    .reduce<Fact | undefined>((best, each) => (best && !isLater(each, best) ? best : each), undefined)
  return latest?.kind === kind ? latest : undefined
}
