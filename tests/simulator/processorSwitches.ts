/** Topologies with a rule of a processor taken away. */
import type { Input, OutputRecord, Processor, StepContext, Table, TableSpec } from '@tributary/stream-runtime'
import type { Switches } from './switches.ts'

type MapTopology = NonNullable<Switches['topology']>

function mapProcessor(name: string, map: (processor: Processor<never>) => Processor<never>): MapTopology {
  return (topology) => {
    if (topology.name !== name) return topology
    const create = (partition: number) => map(topology.create(partition))
    return { ...topology, create }
  }
}

function mapContext(name: string, map: (context: StepContext) => StepContext): MapTopology {
  return mapProcessor(name, (processor) => ({
    step: (context, input) => processor.step(map(context), input),
    endBatch: (context) => processor.endBatch?.(map(context)),
  }))
}

/** One table of a topology reads or writes otherwise. */
export function mapTables<V = unknown>(
  topology: string,
  table: string,
  map: (table: Table<V>) => Partial<Table<V>>,
): MapTopology {
  return mapContext(topology, (context) => ({
    ...own(context),
    table<R>(spec: TableSpec<R>): Table<R> {
      const given = context.table(spec)
      if (spec.name !== table) return given
      return { ...ownTable(given), ...(map(given as unknown as Table<V>) as unknown as Partial<Table<R>>) }
    },
  }))
}

/** A topology that sends only some of its records. */
export function onlySending(topology: string, wanted: (record: OutputRecord) => boolean): MapTopology {
  return mapContext(topology, (context) => ({
    ...own(context),
    send: (record) => {
      if (wanted(record)) context.send(record)
    },
  }))
}

/** A topology that sees other inputs than it is given. */
export function mapSteps(topology: string, map: (input: Input<never>) => Input<never>[]): MapTopology {
  return mapProcessor(topology, (processor) => ({
    ...processor,
    step: (context, input) => {
      for (const each of map(input)) processor.step(context, each)
    },
    endBatch: (context) => processor.endBatch?.(context),
  }))
}

/** A context is a class: its members have to be named. */
function own(context: StepContext): StepContext {
  return {
    partition: context.partition,
    epoch: context.epoch,
    table: (spec) => context.table(spec),
    send: (record) => context.send(record),
    nextSeq: (topic, partition) => context.nextSeq(topic, partition),
    moreToDo: () => context.moreToDo(),
  }
}

/** So is a table. */
function ownTable<V>(table: Table<V>): Table<V> {
  return {
    get: (key) => table.get(key),
    put: (key, value) => table.put(key, value),
    delete: (key) => table.delete(key),
    range: (from, to, limit) => table.range(from, to, limit),
  }
}
