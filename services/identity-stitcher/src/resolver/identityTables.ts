/** The resolver's rows as tables of its task; all in one change log. */
import { topics } from '@tributary/contracts'
import {
  ClusterState,
  ConflictState,
  EvidenceState,
  IdentifierState,
  type LinkPlace as LinkPlaceMessage,
  RulesState,
  SharedByFact,
  Standing as StandingMessage,
  WalkState,
} from '@tributary/contracts/generated/tributary/identity/v1/resolver_state'
import { Fact as FactMessage } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import type {
  ClusterRow,
  Conflict,
  EvidenceMember,
  EvidenceRow,
  Fact,
  IdentifierRow,
  IdentityRows,
  LinkPlace,
  ReadIdentityRows,
  RulesRow,
  Standing,
  WalkRow,
} from '@tributary/domain'
import type { StateView, StepContext, TableSpec } from '@tributary/stream-runtime'
import {
  classFrom,
  classMessage,
  evidenceFrom,
  evidenceMessage,
  factFrom,
  factMessage,
  rulesFrom,
  rulesMessage,
} from '../evidenceMessages.ts'
import { protobufCodec } from '../protobufCodec.ts'

const changeLog = topics.evidenceState
/** What is about one identifier lies together: new evidence then touches one page for each of its members. */
const family = (letter: string) => ({ name: 'identity', letter })

const standings = {
  linked: StandingMessage.STANDING_LINKED,
  blocked: StandingMessage.STANDING_BLOCKED,
  shared: StandingMessage.STANDING_SHARED,
} as const satisfies Record<Standing, StandingMessage>

const rulesTable: TableSpec<RulesRow> = {
  name: 'rules',
  changeLog,
  codec: protobufCodec(RulesState, {
    to: (row) => ({
      rules: rulesMessage(row.rules, row.configOffset),
      version: row.version,
    }),
    from: (message) => {
      const rules = present(message.rules, 'rules')
      return {
        rules: rulesFrom(rules),
        version: message.version,
        configOffset: rules.configOffset,
      }
    },
  }),
}

const walkTable: TableSpec<WalkRow> = { name: 'walk', changeLog, codec: protobufCodec(WalkState) }

export const identifiersTable: TableSpec<IdentifierRow> = {
  name: 'identifiers',
  changeLog,
  family: family('i'),
  codec: protobufCodec(IdentifierState, {
    to: (row) => ({
      ...row,
      erasedUntilMs: row.erasedUntilMs < 0 ? undefined : row.erasedUntilMs,
      sharedByFact: sharedByFactMessage(row.sharedByFact),
      standing: standings[row.standing],
      profile: row.profile && { ...row.profile },
      seenWith: [...row.seenWith],
    }),
    from: (message) => ({
      ...message,
      erasedUntilMs: message.erasedUntilMs ?? -1,
      sharedByFact: sharedByFactFrom(message.sharedByFact),
      standing: standingFrom(message.standing),
      profile: message.profile,
    }),
  }),
}

const evidenceTable: TableSpec<EvidenceRow> = {
  name: 'evidence',
  changeLog,
  family: family('e'),
  codec: protobufCodec(EvidenceState, {
    to: ({ retracted, ...evidence }) => ({ evidence: evidenceMessage(evidence), retracted }),
    from: (message) => ({
      ...present(evidenceFrom(present(message.evidence, 'evidence')), 'a class of evidence'),
      retracted: message.retracted,
    }),
  }),
}

const factsTable: TableSpec<Fact> = {
  name: 'facts',
  changeLog,
  family: family('f'),
  codec: protobufCodec(FactMessage, {
    to: factMessage,
    from: (message) => present(factFrom(message), 'a kind of fact'),
  }),
}

const conflictsTable: TableSpec<Conflict> = {
  name: 'conflicts',
  changeLog,
  family: family('c'),
  codec: protobufCodec(ConflictState, { to: conflictMessage, from: conflictFrom }),
}

const clustersTable: TableSpec<ClusterRow> = {
  name: 'clusters',
  changeLog,
  family: family('k'),
  codec: protobufCodec(ClusterState, {
    to: (row) => ({
      counts: { ...row.counts },
      lastAccepted: row.lastAccepted && linkPlaceMessage(row.lastAccepted),
      lastConflict: row.lastConflict && linkPlaceMessage(row.lastConflict),
      separated: row.separated,
    }),
    from: (message) => ({
      counts: message.counts,
      lastAccepted: message.lastAccepted && linkPlaceFrom(message.lastAccepted),
      lastConflict: message.lastConflict && linkPlaceFrom(message.lastConflict),
      separated: message.separated,
    }),
  }),
}

const evidenceOfTable = indexTable('evidenceOf', 'o')
const factsOfTable = indexTable('factsOf', 'a')
const membersOfTable = indexTable('membersOf', 'm')

export const resolverTables = [
  rulesTable,
  walkTable,
  identifiersTable,
  evidenceTable,
  evidenceOfTable,
  factsTable,
  factsOfTable,
  membersOfTable,
  conflictsTable,
  clustersTable,
] as readonly TableSpec<unknown>[]

export function identityRows(context: Pick<StepContext, 'table'>): IdentityRows {
  return {
    rules: context.table(rulesTable),
    walk: context.table(walkTable),
    identifiers: context.table(identifiersTable),
    evidence: context.table(evidenceTable),
    evidenceOf: context.table(evidenceOfTable),
    facts: context.table(factsTable),
    factsOf: context.table(factsOfTable),
    membersOf: context.table(membersOfTable),
    conflicts: context.table(conflictsTable),
    clusters: context.table(clustersTable),
  }
}

/** The committed rows, for questions. */
export function readIdentityRows(view: StateView): ReadIdentityRows {
  return {
    rules: view.table(rulesTable),
    walk: view.table(walkTable),
    identifiers: view.table(identifiersTable),
    evidence: view.table(evidenceTable),
    evidenceOf: view.table(evidenceOfTable),
    facts: view.table(factsTable),
    factsOf: view.table(factsOfTable),
    membersOf: view.table(membersOfTable),
    conflicts: view.table(conflictsTable),
    clusters: view.table(clustersTable),
  }
}

/** An index says all in its key; the value is one byte, because an empty value reads like a deletion in some tools. */
function indexTable(name: string, letter: string): TableSpec<true> {
  const there = Uint8Array.of(1)
  return { name, changeLog, family: family(letter), codec: { encode: () => there, decode: () => true } }
}

function sharedByFactMessage(shared: IdentifierRow['sharedByFact']): SharedByFact {
  if (!shared) return SharedByFact.SHARED_BY_FACT_UNSPECIFIED
  return shared === 'shared' ? SharedByFact.SHARED_BY_FACT_SHARED : SharedByFact.SHARED_BY_FACT_NOT_SHARED
}

function sharedByFactFrom(message: SharedByFact): IdentifierRow['sharedByFact'] {
  if (message === SharedByFact.SHARED_BY_FACT_SHARED) return 'shared'
  return message === SharedByFact.SHARED_BY_FACT_NOT_SHARED ? 'not-shared' : undefined
}

function standingFrom(message: StandingMessage): Standing {
  const found = (Object.keys(standings) as Standing[]).find((each) => standings[each] === message)
  return present(found, 'a standing')
}

function linkPlaceMessage(place: LinkPlace): LinkPlaceMessage {
  return { ...place, class: classMessage(place.class) }
}

function linkPlaceFrom(message: LinkPlaceMessage): LinkPlace {
  return {
    class: present(classFrom(message.class), 'a class of evidence'),
    a: message.a,
    b: message.b,
    timeMs: message.timeMs,
  }
}

function conflictMessage({ link, refusal }: Conflict): ConflictState {
  return {
    a: link.a,
    b: link.b,
    class: classMessage(link.class),
    timeMs: link.timeMs,
    because:
      link.because.kind === 'evidence'
        ? { $case: 'evidenceId', value: link.because.id }
        : { $case: 'factId', value: link.because.id },
    refusal:
      refusal.reason === 'limit'
        ? { $case: 'limit', value: { type: refusal.type, max: refusal.max } }
        : { $case: 'separatedBy', value: refusal.factId },
  }
}

function conflictFrom(message: ConflictState): Conflict {
  const because = present(message.because, 'what a conflict is about')
  const refusal = present(message.refusal, 'why a link was refused')
  return {
    link: {
      a: present<EvidenceMember>(message.a, 'an identifier'),
      b: present<EvidenceMember>(message.b, 'an identifier'),
      class: present(classFrom(message.class), 'a class of evidence'),
      timeMs: message.timeMs,
      because: { kind: because.$case === 'evidenceId' ? 'evidence' : 'fact', id: because.value },
    },
    refusal:
      refusal.$case === 'limit'
        ? { reason: 'limit', type: refusal.value.type, max: refusal.value.max }
        : { reason: 'separated', factId: refusal.value },
  }
}

/** Our own rows: what is missing was written by a newer version, or is damaged; going on would lose it. */
function present<T>(value: T | undefined, what: string): T {
  if (value === undefined)
    throw new Error(`a row of the resolver lacks ${what}: was it written by a newer version?`)
  return value
}
