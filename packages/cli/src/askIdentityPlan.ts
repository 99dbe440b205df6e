/**
 * Who would merge, split or be renamed by a proposal: asked of the identity-stitcher, which knows. Without one, a plan
 * still says what would change; it then says too that this is not known.
 */
import {
  IdentityServiceClient,
  type PlanRulesRequest,
  type PlanRulesResponse,
  type RulesPlan,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  fromRevisionDocument,
  identityRules,
  resolverRules,
  type Document,
  type IdentityDocument,
} from '@tributary/configuration'
import { findService } from './connections.ts'
import { CommandError, type Context } from './context.ts'
import { askStream } from './grpcCall.ts'
import type { Proposal } from './proposal.ts'

/** What is known of what new identity rules would do. */
export type IdentityPlan = { readonly plan: RulesPlan } | { readonly unknown: string }

export interface IdentityPlanFlags {
  readonly address?: string
  /** SAMPLES when not given. */
  readonly samples?: number
  readonly json?: true
}

const SAMPLES = 10

/** Progress is told at each tenth. */
const STEPS = 10

/** Undefined when the proposal changes nobody's identity. */
export async function askIdentityPlan(
  context: Context,
  { plan, documents }: Proposal,
  flags: IdentityPlanFlags,
): Promise<IdentityPlan | undefined> {
  if (!plan.changes.some((change) => change.class === 're-resolve')) return undefined
  const target = findService(context, 'identity-stitcher', flags.address)
  if (!target)
    return {
      unknown: 'no identity-stitcher is named: give --address host:port or set IDENTITY_STITCHER_GRPC',
    }
  let found: RulesPlan | undefined
  let told = 0
  try {
    await askStream<IdentityServiceClient, PlanRulesRequest, PlanRulesResponse>(
      target,
      'identity-stitcher',
      IdentityServiceClient,
      (client) => client.planRules.bind(client),
      requestOf(documents.map(fromRevisionDocument).find(isIdentity), flags.samples ?? SAMPLES),
      {
        interrupted: context.interrupted,
        onMessage({ said }) {
          if (said?.$case === 'plan') found = said.value
          if (said?.$case !== 'progress' || said.value.about === 0 || flags.json) return
          const { lookedAt, about } = said.value
          const step = Math.floor((STEPS * lookedAt) / about)
          if (step <= told) return
          told = step
          context.err(`who belongs together: ${lookedAt} of about ${about} identifiers looked at`)
        },
      },
    )
  } catch (error) {
    if (error instanceof CommandError) return { unknown: error.message }
    throw error
  }
  return found ? { plan: found } : { unknown: 'the identity-stitcher ended its answer before the plan' }
}

function requestOf(document: IdentityDocument | undefined, samples: number): PlanRulesRequest {
  return {
    rules: resolverRules(document, 0, '', []),
    blocked: identityRules(document).blocked.map(({ type, value }) => ({ type, value })),
    samples,
  }
}

function isIdentity(document: Document): document is IdentityDocument {
  return document.kind === 'Identity'
}
