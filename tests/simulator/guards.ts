/**
 * The guards that keep the guarantees, each with a way to take it away: at the ports of a process, or around a
 * processor. A simulator that does not fail without one of them does not test it.
 */
import { topics } from '@tributary/contracts'
import { JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import type { FragmentRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import type { SentEvidence } from '@tributary/contracts/generated/tributary/identity/v1/resolver_state'
import { profileIdOf } from '@tributary/contracts'
import { ignoringPositions, metaWith, wrapSessions, wrapStores, writingBeforeCommit } from './portSwitches.ts'
import { mapSteps, mapTables, onlySending } from './processorSwitches.ts'
import type { Switches } from './switches.ts'

export interface Guard {
  readonly name: string
  /** What it does, as a sentence. */
  readonly guards: string
  readonly off: Switches
}

const nothing = { get: () => undefined }

export const guards: readonly Guard[] = [
  {
    name: 'fencing',
    guards: 'the writes of a former owner are refused',
    off: { log: { fencing: false } },
  },
  {
    name: 'left-overs',
    guards: 'opening a session aborts what the last one left open',
    off: { log: { abortsLeftOvers: false } },
  },
  {
    name: 'read-committed',
    guards: 'nobody reads what was aborted',
    off: { log: { hidesAborted: false } },
  },
  {
    name: 'one-transaction',
    guards: 'outputs, change log and meta are committed together',
    off: {
      ports: (ports) =>
        wrapSessions(ports, (session) => ({
          ...session,
          async send(records) {
            const outputs = records.filter(({ key }) => key !== '!meta')
            if (outputs.length > 0 && outputs.length < records.length) {
              await session.send(outputs)
              await session.commit()
              const meta = await session.send(records.filter(({ key }) => key === '!meta'))
              return meta
            }
            return session.send(records)
          },
        })),
    },
  },
  {
    name: 'fail-stop',
    guards: 'after an error nothing more is sent with the same session',
    off: {
      ports: (ports) =>
        wrapSessions(ports, (session) => ({
          ...session,
          send: (records) => session.send(records).catch(() => session.send(records)),
          commit: () => session.commit().catch(() => session.commit()),
        })),
    },
  },
  {
    name: 'positions-in-meta',
    guards: 'a task reads on from the positions in its own meta, not from the offsets of its group',
    off: {
      ports: (ports, coordinator) =>
        metaWith(ports, (meta, { group, partition }) => ({
          ...meta,
          positions: Object.fromEntries(
            Object.keys(meta.positions).map((topic) => [
              topic,
              coordinator.toldOffsets.get(`${group}/${topic}/${partition}`) ?? 0,
            ]),
          ),
        })),
    },
  },
  {
    name: 'numbers-in-meta',
    guards: 'the numbers of a writer go on where its meta says',
    off: { ports: (ports) => metaWith(ports, (meta) => ({ ...meta, sequences: {} })) },
  },
  {
    name: 'drop-below-position',
    guards: 'what was fetched below the position is dropped',
    off: { ports: ignoringPositions },
  },
  {
    name: 'store-after-commit',
    guards: 'the store is written when the transaction is committed, not before',
    off: { ports: writingBeforeCommit },
  },
  {
    name: 'restore-to-the-claim',
    guards: 'a restore reads the change log up to the claim of this owner',
    off: {
      ports: (ports) => ({
        ...ports,
        log: {
          ...ports.log,
          async *read(topic, partition, from, until) {
            // Records of the last five offsets are not read.
            for await (const chunk of ports.log.read(topic, partition, from, until))
              yield { ...chunk, records: chunk.records.filter(({ offset }) => offset < until - 5) }
          },
        },
      }),
    },
  },
  {
    name: 'distrust-of-old-stores',
    guards: 'a store older than nulls are kept is wiped and restored',
    off: {
      ports: (ports) =>
        wrapStores(ports, (store) => ({
          ...store,
          asOfMs: () => (store.asOfMs() === undefined ? undefined : Number.MAX_SAFE_INTEGER),
        })),
    },
  },
  {
    name: 'deduplication',
    guards: 'an event that comes again is skipped',
    off: { topology: mapTables('fragment', 'seen', () => nothing) },
  },
  {
    name: 'removed-for-each-assignment',
    guards: 'an assignment takes the part away from the profile that had it',
    off: {
      topology: onlySending('fragment', ({ topic, value }) => {
        if (topic !== topics.profileParts || !value) return true
        const { record } = PartRecord.decode(value)
        return record?.$case !== 'part' || record.value.action?.$case !== 'removed'
      }),
    },
  },
  {
    name: 'tag-memory',
    guards: 'a fragment remembers the profile it was last sent to',
    off: {
      topology: mapTables<FragmentRow>('fragment', 'fragments', (table) => ({
        put: (key, row) =>
          table.put(key, { ...row, tag: row.tag === '' ? '' : profileIdOf(key, row.generation) }),
      })),
    },
  },
  {
    name: 'answers-awaited',
    guards: 'a phase of a job begins when every partition has answered the one before',
    off: {
      topology: mapSteps('job', (input) => {
        if (input.kind !== 'record' || !input.record.value) return [input]
        const { record } = JobRecord.decode(input.record.value)
        if (record?.$case !== 'answered') return [input]
        const answered = record.value
        return [0, 1, 2].map((partition) => {
          const value = JobRecord.encode({ record: { $case: 'answered', value: { ...answered, partition } } })
          return { ...input, record: { ...input.record, value: Buffer.from(value.finish()) } }
        })
      }),
    },
  },
  {
    name: 'ended-leaves-the-queue',
    guards: 'a delivery that has ended is taken out of its queue',
    off: {
      topology: mapTables<{ attempts: number }>('delivery', 'queue', (table) => ({
        delete: (key) => {
          const row = table.get(key)
          if (row) table.put(key, { ...row, attempts: row.attempts })
        },
      })),
    },
  },
  {
    name: 'earlier-sightings',
    guards: 'evidence goes on again when it was seen earlier than known',
    off: {
      topology: mapTables<SentEvidence>('extractor', 'sent', (table) => ({
        get: (key) => {
          const row = table.get(key)
          return row && { ...row, firstTimeMs: Number.MIN_SAFE_INTEGER }
        },
      })),
    },
  },
  {
    name: 'waiting-for-the-version',
    guards: 'an audience change waits for the profile change it belongs to',
    off: { topology: mapTables('sync', 'waiting', () => ({ put: () => {} })) },
  },
  {
    name: 'outbox-kept-until-sent',
    guards: 'a control record stays in the outbox until it is known to be sent',
    off: {
      ports: (ports) => ({ ...ports, produce: (run) => ports.produce(run).catch(() => {}) }),
    },
  },
  {
    name: 'fill-counts-once',
    guards: 'what a back-fill adds is added once, however often it is sent',
    off: {
      topology: mapTables<FragmentRow>('fragment', 'fragments', (rows) => ({
        get(key) {
          const row = rows.get(key)
          if (!row?.fragment) return row
          const aggregates = row.fragment.aggregates.map((each) => ({ ...each, filled: false }))
          return { ...row, fragment: { ...row.fragment, aggregates } }
        },
      })),
    },
  },
  {
    name: 'windows-move',
    guards: 'a window that moves though nothing arrives is waited for',
    off: { topology: mapTables('profile', 'due', () => ({ put: () => {} })) },
  },
  {
    name: 'answer-before-next',
    guards: 'a delivery counts as made when the receiver said so',
    off: {
      sender: (sender) => ({
        ...sender,
        async send(...args) {
          await sender.send(...args)
          return { kind: 'status', status: 204 }
        },
      }),
    },
  },
]
