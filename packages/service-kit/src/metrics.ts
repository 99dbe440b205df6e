/**
 * Prometheus metrics by convention: `tributary_<service>_<thing>_<unit>`.
 *
 * Invariants:
 *  M1. Every name ends in its unit, so that nobody has to look it up.
 *  M2. Asking twice for the same name gives the same metric: several tasks of one process share it.
 *  M3. Labels have few values: names of documents, partitions, codes; never an identifier or a message id. A label is one
 *      of LABELS, which says what bounds it; another one is refused.
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
  'partitions',
  'revision',
  'state',
  'timestamp_seconds',
]

/** Every label there is, and what bounds the number of its values (M3). */
export const LABELS = {
  change: 'entered or left',
  code: 'codes of docs/reference/errors.md, failure codes of destinations, and HTTP_ with a status',
  destination: 'destinations of the workspace',
  kind: 'kinds of records that the program distinguishes',
  mode: 'states of a destination that the program distinguishes',
  partition: 'partitions of the topic',
  path: 'routes of the HTTP interface, by pattern; "other" for what is none',
  reason: 'reasons that the program distinguishes',
  source: 'sources of the workspace',
  status: 'HTTP status codes',
  task: 'topologies of the service',
  topic: 'topics of the catalogue',
  type: 'types of identifiers of the workspace, or of public changes',
  verdict: 'verdicts that the program distinguishes',
  version: 'one: that of the program',
  why: 'unreadable or refused',
} as const satisfies Record<string, string>

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

  function shared<M>(name: string, labels: readonly string[], create: (full: string) => M): M {
    const full = prefix + name
    const unknown = labels.find((label) => !(label in LABELS))
    if (unknown !== undefined)
      throw new Error(
        `label "${unknown}" of metric "${name}" is not in LABELS: add it there, with what bounds it`,
      )
    if (!/^[a-z][a-z0-9_]*$/.test(name) || !UNITS.some((unit) => name.endsWith(`_${unit}`))) {
      throw new Error(`metric "${name}" must be lower case and end in its unit: ${UNITS.join(', ')}`)
    }
    return (registry.getSingleMetric(full) as M | undefined) ?? create(full)
  }

  return {
    registry,
    counter: (name, help, labels = []) =>
      shared(
        name,
        labels,
        (full) => new Counter({ name: full, help, labelNames: labels, registers: [registry] }),
      ),
    gauge: (name, help, labels = []) =>
      shared(
        name,
        labels,
        (full) => new Gauge({ name: full, help, labelNames: labels, registers: [registry] }),
      ),
    histogram: (name, help, labels = [], buckets = SECONDS) =>
      shared(
        name,
        labels,
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
