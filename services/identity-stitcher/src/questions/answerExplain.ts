import type {
  ExplainResponse,
  ExplainStep,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  type Evidence,
  type EvidenceMember,
  type ExplanationStep,
  type Fact,
  type IdentityView,
  type NameOf,
  type ReadIdentityRows,
  describeStep,
  explainIdentity,
  summarise,
} from '@tributary/domain'
import { byId, memberMessage } from './conflictReport.ts'
import type { Asked } from './readRef.ts'

/** Values are not stored: the two asked about are called as the caller called them, others by their id's beginning. */
export function answerExplain(
  rows: ReadIdentityRows,
  view: IdentityView,
  a: Asked,
  b: Asked,
): ExplainResponse {
  const explanation = explainIdentity(rows, view, a.member, b.member)
  const nameOf: NameOf = (member) => {
    const asked = [a, b].find((each) => each.member.id === member.id)
    return asked?.name ?? byId(member)
  }
  return {
    together: explanation.together,
    summary: summarise(explanation, nameOf),
    steps: explanation.steps.map((step) => stepFrom(step, nameOf)),
  }
}

export function stepFrom(step: ExplanationStep, nameOf: NameOf): ExplainStep {
  const [from, to] = endsOf(step)
  return {
    kind: step.kind,
    from: from && memberMessage(from),
    to: to && memberMessage(to),
    ...sourceOf(step),
    detail: describeStep(step, nameOf),
  }
}

function endsOf(step: ExplanationStep): readonly (EvidenceMember | undefined)[] {
  switch (step.kind) {
    case 'linked':
      return [step.link.a, step.link.b]
    case 'refused':
      return [step.conflict.link.a, step.conflict.link.b]
    case 'separated':
      return step.fact.members
    case 'shared':
    case 'blocked':
    case 'contested':
      return [step.member]
    default:
      return step satisfies never
  }
}

function sourceOf(
  step: ExplanationStep,
): Pick<ExplainStep, 'evidenceId' | 'messageId' | 'sourceId' | 'time'> {
  const because = becauseOf(step)
  if (!because) return { evidenceId: '', messageId: '', sourceId: '', time: undefined }
  return 'actor' in because
    ? { evidenceId: because.id, messageId: '', sourceId: '', time: new Date(because.timeMs) }
    : {
        evidenceId: because.id,
        messageId: because.messageId,
        sourceId: because.sourceId,
        time: new Date(because.firstTimeMs),
      }
}

function becauseOf(step: ExplanationStep): Evidence | Fact | undefined {
  if (step.kind === 'linked' || step.kind === 'refused') return step.because
  if (step.kind === 'separated') return step.fact
  return step.kind === 'contested' ? step.seenWith : (step.said ?? step.seenWith)
}
