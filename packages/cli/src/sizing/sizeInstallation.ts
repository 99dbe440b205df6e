/**
 * How large an installation has to be. Pure: from a load and the figures of figures.ts.
 *
 *  Z1. Processors are counted for the peak, at most HEADROOM of them busy; disks for the average, with room to spare.
 *  Z2. Two instances of each service at least: one may be away, or be rolled.
 *  Z3. Partitions are fixed at creation: enough for four times the instances, so that they can grow.
 */
import { FIGURES, type FigureName } from './figures.ts'

export interface Load {
  /** Events a second at the busiest time. */
  readonly eventsPerSecond: number
  /** People known in the end, visitors included. */
  readonly people: number
  /** How long the event log keeps events, days. */
  readonly retentionDays: number
  /** Events a second on average over the day, a third of the peak when left out. */
  readonly averagePerSecond?: number
  /** Copies of each partition in Kafka, and of each table in ClickHouse. */
  readonly kafkaCopies: number
  readonly clickhouseCopies: number
}

export interface ServiceSize {
  readonly service: string
  readonly pods: number
  /** Of each pod. */
  readonly cores: number
  readonly memoryMiB: number
  /** Of each pod, for local state; 0 = none. */
  readonly diskGiB: number
}

export interface InstallationSize {
  readonly partitions: number
  readonly services: readonly ServiceSize[]
  readonly kafka: { readonly cores: number; readonly diskGiB: number }
  readonly clickhouse: { readonly cores: number; readonly diskGiB: number }
}

/** Share of a core that a process may use at the peak: a pod that is away leaves its load to the others. */
const HEADROOM = 0.5
/** One process computes on one core; the second half of the next is for garbage collection and the network. */
const CORES_PER_POD = 1.5
const LEAST_PODS = 2
/** Z3; a multiple of twelve divides among 2, 3, 4, 6 and 12 instances. */
const PARTITIONS_PER_POD = 4
const PARTITION_STEP = 12
/** Kafka's disks and ClickHouse's are planned to be filled so far: merges and catching up need the rest. */
const FILLED = 0.6
const GIB = 2 ** 30
const DAY_SECONDS = 86_400
const SMALLEST_DISK_GIB = 10

export function sizeInstallation(load: Load): InstallationSize {
  const average = load.averagePerSecond ?? load.eventsPerSecond / 3
  const podsOf = (figure: FigureName) =>
    Math.max(LEAST_PODS, Math.ceil(coresFor(load.eventsPerSecond, figure)))
  const services = [
    { service: 'collector', pods: podsOf('collectorCpu'), memory: 'collectorMemory', state: 0 },
    {
      service: 'identity-stitcher',
      pods: podsOf('identityCpu'),
      memory: 'taskMemory',
      state: stateOf(load, 'identityState'),
    },
    {
      service: 'profile-store',
      pods: podsOf('profileCpu'),
      memory: 'taskMemory',
      state: stateOf(load, 'profileState'),
    },
    {
      service: 'activation',
      pods: podsOf('activationCpu'),
      memory: 'taskMemory',
      state: stateOf(load, 'activationState'),
    },
  ] as const
  const most = Math.max(...services.map(({ pods }) => pods))
  return {
    partitions: Math.ceil((most * PARTITIONS_PER_POD) / PARTITION_STEP) * PARTITION_STEP,
    services: services.map(({ service, pods, memory, state }) => ({
      service,
      pods,
      cores: CORES_PER_POD,
      memoryMiB: FIGURES[memory].value,
      // One pod may have to hold what two had.
      diskGiB: state === 0 ? 0 : Math.max(SMALLEST_DISK_GIB, Math.ceil((state * 2) / pods / FILLED / GIB)),
    })),
    kafka: {
      cores: Math.ceil(coresFor(load.eventsPerSecond, 'kafkaCpu') * load.kafkaCopies),
      diskGiB: diskFor(
        average * FIGURES.kafkaBytes.value * DAY_SECONDS * FIGURES.kafkaDays.value * load.kafkaCopies,
      ),
    },
    clickhouse: {
      cores: Math.max(2, Math.ceil(coresFor(load.eventsPerSecond, 'clickhouseCpu') * load.clickhouseCopies)),
      diskGiB: diskFor(
        average * FIGURES.clickhouseBytes.value * DAY_SECONDS * load.retentionDays * load.clickhouseCopies,
      ),
    },
  }
}

/** Z1. Figures of processors are µs per event. */
function coresFor(eventsPerSecond: number, figure: FigureName): number {
  return (eventsPerSecond * FIGURES[figure].value) / 1e6 / HEADROOM
}

/** Bytes of all partitions together. */
function stateOf({ people }: Load, figure: FigureName): number {
  return people * FIGURES[figure].value
}

function diskFor(bytes: number): number {
  return Math.max(SMALLEST_DISK_GIB, Math.ceil(bytes / FILLED / GIB))
}
