/**
 * Prometheus metrics by convention: `tributary_<service>_<thing>_<unit>`.
 *
 * Invariants:
 *  M1. Every name ends in its unit, so that nobody has to look it up.
 *  M2. Asking twice for the same name gives the same metric: several tasks of one process share it.
 *  M3. Labels have few values: names of documents, partitions, codes; never an identifier or a message id.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

export type { Counter, Gauge, Histogram } from 'prom-client'

const UNITS = [
  'total',
  'seconds',
  'bytes',
  'records',
  'ratio',
  'offset',
  'info',
  'state',
  'timestamp_seconds',
]

/** From 1 ms to 60 s, about three a decade: what a step of the pipeline may take. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export interface Metrics {
  readonly registry: Registry
  /** Counts up; the name ends in `_total`. */
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>
  histogram<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>
  /** What /metrics answers. */
  text(): Promise<string>
}

/** `service` as in the folder's name, for example "profile-store". */
export function createMetrics(service: string, options: { processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry()
  const prefix = `tributary_${service.replaceAll('-', '_')}_`
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry })

  function shared<M>(name: string, create: (full: string) => M): M {
    const full = prefix + name
    if (!/^[a-z][a-z0-9_]*$/.test(name) || !UNITS.some((unit) => name.endsWith(`_${unit}`))) {
      throw new Error(`metric "${name}" must be lower case and end in its unit: ${UNITS.join(', ')}`)
    }
    return (registry.getSingleMetric(full) as M | undefined) ?? create(full)
  }

  return {
    registry,
    counter: (name, help, labels = []) =>
      shared(name, (full) => new Counter({ name: full, help, labelNames: labels, registers: [registry] })),
    gauge: (name, help, labels = []) =>
      shared(name, (full) => new Gauge({ name: full, help, labelNames: labels, registers: [registry] })),
    histogram: (name, help, labels = [], buckets = SECONDS) =>
      shared(
        name,
        (full) =>
          new Histogram({
            name: full,
            help,
            labelNames: labels,
            buckets: [...buckets],
            registers: [registry],
          }),
      ),
    text: () => registry.metrics(),
  }
}
