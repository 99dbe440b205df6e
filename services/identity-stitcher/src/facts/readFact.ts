import { FactKind as KindMessage } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import type { SubmitFactRequest } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { type Fact, factProblem } from '@tributary/domain'
import { factKindFrom } from '../evidenceMessages.ts'
import type { Asked } from '../questions/readRef.ts'
import type { SubmittedFact } from './announceFact.ts'

/** A name or a mail address. */
const MAX_ACTOR = 200
/** A sentence or two, shown in explanations for ever. */
const MAX_REASON = 1_000
/** More than one decision is ever about. */
const MAX_SUBJECTS = 100

/** The problem is a sentence that does not repeat values. */
export type ReadFact = { readonly submitted: SubmittedFact } | { readonly problem: string }

/** A request as a fact; `named`: whom its refs name, `made`: its id and time where the caller gave none. */
export function readFact(
  request: SubmitFactRequest,
  named: readonly Asked[],
  made: { readonly id: string; readonly timeMs: number },
): ReadFact {
  const kind = factKindFrom(request.kind)
  if (!kind) return { problem: 'kind: say what is to be done' }
  if (request.kind === KindMessage.FACT_KIND_ERASE)
    return { problem: 'kind: an erasure is more than a fact about identity and is not submitted here' }
  const actor = request.actor.trim()
  const reason = request.reason.trim()
  if (actor === '' || actor.length > MAX_ACTOR)
    return { problem: `actor: say who decides, in 1 to ${MAX_ACTOR} characters` }
  if (reason === '' || reason.length > MAX_REASON)
    return { problem: `reason: say why, in 1 to ${MAX_REASON} characters; it is shown in explanations` }
  if (named.length > MAX_SUBJECTS) return { problem: `refs: at most ${MAX_SUBJECTS} in one fact` }
  const unknown = named.findIndex(({ member }) => member.type === '')
  if (unknown >= 0)
    return { problem: `refs[${unknown}]: no identifier with that id was ever seen; give its type and value` }
  if (kind === 'retract' && named.length > 0)
    return { problem: 'refs: a retraction names evidence or a fact, in retracts, and nobody' }
  if (kind !== 'retract' && request.retracts !== '')
    return { problem: 'retracts: only a retraction takes something back' }

  const fact: Fact = {
    id: request.factId === '' ? made.id : request.factId,
    kind,
    members: named.map(({ member }) => member),
    retracts: request.retracts === '' ? undefined : request.retracts,
    actor,
    reason,
    timeMs: made.timeMs,
  }
  const problem = factProblem(fact)
  if (problem !== undefined) return { problem }
  return {
    submitted: {
      fact,
      subjects: named.map(({ member, value }) => ({ type: member.type, value: value ?? '', id: member.id })),
    },
  }
}
