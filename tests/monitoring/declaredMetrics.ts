/** Every metric of every service, as the code declares it: what the page, the rules and the dashboards are held to. */
import { createRecordingLogger } from '@tributary/service-kit/testing'
import {
  type Metrics,
  createHealth,
  createMetrics,
  createTaskObserver,
  grpcMeters,
  observeConfiguration,
  observeProcess,
} from '@tributary/service-kit'
import { createMeters } from '../../packages/clickhouse-log/src/writer/logWriterMetrics.ts'
import { createDispatchObserver } from '../../services/activation/src/delivery/dispatchObserver.ts'
import { registerQueueMetrics } from '../../services/activation/src/delivery/queueMetrics.ts'
import { createCollectorMetrics } from '../../services/collector/src/collectorMetrics.ts'
import { createInFlight } from '../../services/collector/src/http/inFlight.ts'
import { registerSourceMetrics } from '../../services/collector/src/sources/sourceMetrics.ts'
import { observeStitcher } from '../../services/identity-stitcher/src/stitcherMetrics.ts'
import { createLedgerCheck } from '../../services/profile-store/src/ledgerCheck.ts'
import { observeProfileStore, observeTotals } from '../../services/profile-store/src/profileStoreMetrics.ts'

export interface DeclaredMetric {
  /** As in the folder's name. */
  readonly service: string
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

const { logger } = createRecordingLogger()

function declareEverywhere(metrics: Metrics): void {
  observeProcess(metrics, createHealth())
  observeConfiguration(metrics, { current: () => undefined, unusable: () => undefined })
  createMeters(metrics)
}

function declareTasks(metrics: Metrics): void {
  createTaskObserver(metrics)
  grpcMeters(metrics)
}

const services: Readonly<Record<string, (metrics: Metrics) => void>> = {
  collector(metrics) {
    createCollectorMetrics(metrics, createInFlight(1))
    registerSourceMetrics(metrics, { states: () => [] })
  },
  'identity-stitcher'(metrics) {
    observeStitcher(metrics, logger, createHealth())
    declareTasks(metrics)
  },
  'profile-store'(metrics) {
    observeProfileStore(metrics, () => 0)
    observeTotals(metrics)
    createLedgerCheck({
      metrics,
      isOwner: () => false,
      measure: async () => [],
      nowMs: () => 0,
      onFailure: () => {},
    })
    declareTasks(metrics)
  },
  activation(metrics) {
    createDispatchObserver(metrics, logger)
    registerQueueMetrics(metrics, { tasks: () => [], view: () => undefined, inject: () => false })
    declareTasks(metrics)
  },
}

/** By service, then by name. */
export function declaredMetrics(): readonly DeclaredMetric[] {
  return Object.entries(services).flatMap(([service, declare]) => {
    const metrics = createMetrics(service)
    declare(metrics)
    declareEverywhere(metrics)
    return metrics.registry
      .getMetricsAsArray()
      .map((metric) => declaredOf(service, metric))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  })
}

/** prom-client keeps them in fields that its types do not name. */
function declaredOf(service: string, metric: object): DeclaredMetric {
  const { name, help, labelNames } = metric as {
    readonly name: string
    readonly help: string
    readonly labelNames: readonly string[]
  }
  const type = metric.constructor.name.toLowerCase() as DeclaredMetric['type']
  return { service, name, type, help, labels: labelNames }
}
