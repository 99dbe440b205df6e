import type { Resolution } from '@tributary/domain'
import type { Health, Logger, Metrics } from '@tributary/service-kit'
import type { ExtractorObserver } from './extractor/extractorTopology.ts'
import type { ResolverObserver } from './resolver/resolverTopology.ts'
import { walkTotal } from './resolver/tellWalk.ts'

/**
 * Counts and says what the two topologies do. Counted when computed: a batch that is computed again after a failure is
 * counted again; the exact numbers are in the ledger.
 */
export function observeStitcher(
  metrics: Metrics,
  logger: Logger,
  health: Health,
): { readonly extractor: ExtractorObserver; readonly resolver: ResolverObserver } {
  const seen = metrics.counter('evidence_seen_total', 'Evidence found in events')
  const sent = metrics.counter(
    'evidence_sent_total',
    'Evidence sent on, being new, earlier, or seen again after a day',
  )
  const inputs = metrics.counter(
    'resolver_inputs_total',
    'Records the resolver has read, and steps of carrying out changed rules',
    ['kind'],
  )
  const passedOver = metrics.counter('resolver_passed_over_total', 'Records that said nothing usable')
  const assignments = metrics.counter('assignments_total', 'Assignments sent', ['kind'])
  const conflictsBegun = metrics.counter('conflicts_begun_total', 'Links refused by a limit or a separation')
  const conflictsEnded = metrics.counter('conflicts_ended_total', 'Refused links that are so no more')
  const shared = metrics.counter('identifiers_shared_total', 'Identifiers found to be shared', ['type'])
  const recomputed = metrics.counter(
    'components_recomputed_total',
    'Inputs for which components had to be walked through',
  )
  const largest = metrics.gauge('largest_component_records', 'Identifiers in the largest component resolved')
  const walked = metrics.gauge(
    'rules_walk_records',
    'Identifiers resolved under changed rules so far; 0 when nothing is being carried out',
  )
  let largestSoFar = 0

  const count = (resolution: Resolution): void => {
    for (const each of resolution.assignments) assignments.inc({ kind: each.kind })
    conflictsBegun.inc(resolution.newConflicts)
    conflictsEnded.inc(resolution.endedConflicts)
    if (resolution.recomputed) recomputed.inc()
    largestSoFar = Math.max(largestSoFar, resolution.largestComponent)
    largest.set(largestSoFar)
    for (const each of resolution.becameShared) {
      shared.inc({ type: each.type })
      logger.warn(
        { identifierId: each.identifierId, type: each.type, joined: each.joined },
        each.joined > 1
          ? `an identifier is shared: it had joined ${each.joined} profiles, which are apart again`
          : 'an identifier is shared: it links nobody from now on',
      )
    }
  }
  return {
    extractor: { seen: () => seen.inc(), sent: () => sent.inc() },
    resolver: {
      resolved(kind, resolution) {
        inputs.inc({ kind })
        count(resolution)
      },
      walked(progress) {
        const { lookedAt, from } = progress
        walked.set(from === undefined ? 0 : lookedAt)
        const total = walkTotal(progress)
        health.setReady(
          'identity rules',
          true,
          from === undefined
            ? 'carried out for everybody'
            : `being carried out: ${lookedAt} of ${total === 0 ? 'all' : `about ${total}`} identifiers`,
        )
        if (from === undefined)
          logger.info({ identifiers: lookedAt }, 'changed identity rules are carried out')
      },
      passedOver(reason, offset) {
        passedOver.inc()
        logger.warn({ offset, reason }, 'a record of internal.evidence was passed over')
      },
    },
  }
}
