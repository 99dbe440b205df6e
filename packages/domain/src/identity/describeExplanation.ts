import { type Evidence, type EvidenceMember } from './evidence.ts'
import { type Explanation, type ExplanationStep } from './explainIdentity.ts'
import { type Fact } from './fact.ts'

/** How an identifier is called: with its value when the asker knows it, since only hashes are stored. */
export type NameOf = (member: EvidenceMember) => string

/** One sentence that answers. */
export function summarise(explanation: Explanation, nameOf: NameOf): string {
  const [a, b] = [nameOf(explanation.a), nameOf(explanation.b)]
  if (explanation.a.id === explanation.b.id) return `${a} and ${b} are the same identifier.`
  if (explanation.together) {
    const [first] = explanation.steps
    return explanation.steps.length === 1 && first
      ? `${a} and ${b} are one person: ${describeStep(first, nameOf)}.`
      : `${a} and ${b} are one person, by a chain of ${explanation.steps.length} links.`
  }
  const blocking = explanation.steps.find((each) => each.kind !== 'linked')
  return blocking
    ? `${a} and ${b} are not one person: ${describeStep(blocking, nameOf)}.`
    : `${a} and ${b} are not one person: nothing has ever joined them.`
}

/** One step in words, without a full stop. */
export function describeStep(step: ExplanationStep, nameOf: NameOf): string {
  switch (step.kind) {
    case 'linked':
      return `${nameOf(step.link.a)} and ${nameOf(step.link.b)} ${byWhat(step.because)}`
    case 'refused': {
      const { link, refusal } = step.conflict
      const why =
        refusal.reason === 'limit'
          ? `one profile holds at most ${refusal.max} ${refusal.type}`
          : step.separation
            ? `they were separated by ${said(step.separation)}`
            : `they were separated by an operator (fact ${refusal.factId})`
      return `${nameOf(link.a)} and ${nameOf(link.b)} ${byWhat(step.because)}, but ${why}`
    }
    case 'separated':
      return `${step.fact.actor} separated them at ${timeOf(step.fact.timeMs)}: ${step.fact.reason}`
    case 'shared':
      if (step.said)
        return `${nameOf(step.member)} was declared shared by ${said(step.said)}, so it joins nobody`
      return `${nameOf(step.member)} is shared by too many, so it joins nobody`
    case 'blocked':
      if (step.said)
        return `${nameOf(step.member)} was blocked by ${said(step.said)}, so it counts as never seen`
      return `${nameOf(step.member)} is blocked, so it counts as never seen`
    case 'contested':
      return `${nameOf(step.member)} was seen with several known users, so it belongs to nobody`
    default:
      return step satisfies never
  }
}

function byWhat(because: Evidence | Fact | undefined): string {
  if (!because) return 'were seen together'
  if ('actor' in because) return `were joined by ${said(because)}`
  const how =
    because.class === 'alias' || because.class === 'join' ? 'were named as one' : 'were seen together'
  return `${how} in event ${because.messageId} from ${because.sourceId} at ${timeOf(because.firstTimeMs)}`
}

function said(fact: Fact): string {
  return `${fact.actor} at ${timeOf(fact.timeMs)}: ${fact.reason}`
}

function timeOf(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
