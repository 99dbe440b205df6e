import { describe, expect, test } from '@jest/globals'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import fc from 'fast-check'
import { createConfigurationFeed, type ConfigRecord } from './configurationFeed.ts'
import type { Document } from './model/index.ts'
import {
  fromRevisionDocument,
  heldRevision,
  mergeDocuments,
  nextRevision,
  readRevisions,
  toRevisionDocument,
} from './revisions.ts'
import { writeRevision, type ConfigLog } from './writeRevision.ts'

const workspace: Document = {
  kind: 'Workspace',
  schema: 'tributary/v1',
  id: 'maison',
  timeZone: 'Europe/Paris',
}
const trait = (id: string, event = 'x'): Document => ({ kind: 'Trait', id, count: { event } })
const note = { author: 'ci', message: 'm', createdAtMs: 1_767_225_600_000 }

function revision(number: number, parent: number, message = ''): Revision {
  return Revision.fromPartial({
    revision: number,
    parent,
    message,
    documents: [toRevisionDocument(workspace, 'files')],
  })
}

function record(offset: number, value: Revision): ConfigRecord {
  return { offset, value: Buffer.from(Revision.encode(value).finish()) }
}

/** A config topic in memory. */
class MemoryLog implements ConfigLog {
  readonly records: ConfigRecord[] = []
  read() {
    return Promise.resolve([...this.records])
  }
  append(_key: string, value: Uint8Array) {
    const offset = this.records.length * 2
    this.records.push({ offset, value: Buffer.from(value) })
    return Promise.resolve({ offset })
  }
}

test('whatever writers append, every reader accepts the same unbroken chain 1, 2, 3 …', () => {
  const anyRecords = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: -1, max: 6 })), {
    maxLength: 30,
  })
  fc.assert(
    fc.property(anyRecords, (pairs) => {
      const records = pairs.map(([number, parent], i) => record(i * 3, revision(number, Math.max(0, parent))))
      const accepted = readRevisions(records).filter((each) => each.accepted)
      expect(accepted.map((each) => each.revision.revision)).toEqual(accepted.map((_, i) => i + 1))
      expect(accepted.map((each) => each.revision.parent)).toEqual(accepted.map((_, i) => i))
    }),
  )
})

test('of two writers that start from the same revision the first in the log wins, and the other is told by whom', async () => {
  const log = new MemoryLog()
  await writeRevision(log, revision(1, 0))
  const [mine, theirs] = [revision(2, 1, 'mine'), revision(2, 1, 'theirs')]
  const first = await writeRevision(log, theirs)
  const second = await writeRevision(log, mine)
  expect(first).toMatchObject({ won: true, offset: 2 })
  expect(second).toMatchObject({ won: false, by: { offset: 2, revision: { message: 'theirs' } } })
  expect(heldRevision(readRevisions(await log.read()))!.revision.message).toBe('theirs')
})

test('a record that a retry wrote twice has won once', async () => {
  const log = new MemoryLog()
  const twice: ConfigLog = {
    read: () => log.read(),
    async append(key, value) {
      await log.append(key, value)
      return log.append(key, value)
    },
  }
  expect(await writeRevision(twice, revision(1, 0))).toMatchObject({ won: true, offset: 0 })
})

describe('what a revision made of files holds', () => {
  const held = [
    toRevisionDocument(workspace, 'files'),
    toRevisionDocument(trait('a'), 'files'),
    toRevisionDocument(trait('c'), 'console'),
  ]

  test('untouched documents are kept byte for byte, others are replaced, and what is missing is named', () => {
    const merge = mergeDocuments(held, [workspace, trait('b')], { prune: false })
    expect(merge.documents.map((each) => `${each.kind}/${each.id}`)).toEqual([
      'Trait/a',
      'Trait/b',
      'Trait/c',
      'Workspace/maison',
    ])
    expect(merge.documents.at(-1)).toBe(held[0])
    expect(merge.unpruned).toEqual(['trait/a'])
  })

  test('only --prune deletes, and only what files manage', () => {
    const merge = mergeDocuments(held, [workspace], { prune: true })
    expect(merge.documents.map((each) => each.id)).toEqual(['c', 'maison'])
  })

  test('a document of the console is not touched by a file of the same name', () => {
    const merge = mergeDocuments(held, [trait('c', 'other')], { prune: false })
    expect(merge.foreign).toEqual(['trait/c'])
    expect(merge.documents.find((each) => each.id === 'c')).toBe(held[2])
  })

  test('the editor hint is not kept, and a document reads back as it was written', () => {
    const document = toRevisionDocument({ ...trait('a'), $schema: 'x' }, 'files')
    expect(fromRevisionDocument(document)).toEqual(trait('a'))
    expect(document.hash).toBe(held[1]!.hash)
  })
})

test('a next revision names its parent', () => {
  expect(nextRevision(undefined, [], note)).toMatchObject({ revision: 1, parent: 0, author: 'ci' })
  expect(nextRevision(revision(4, 3), [], note)).toMatchObject({ revision: 5, parent: 4 })
})

describe('the feed of a process', () => {
  async function feedOf(records: ConfigRecord[], build: (revision: number) => number = (number) => number) {
    let hand: (each: ConfigRecord) => void = () => undefined
    const feed = await createConfigurationFeed({
      follow: (onRecord) => {
        hand = onRecord
        for (const each of records) onRecord(each)
        return Promise.resolve({ stop: () => Promise.resolve() })
      },
      build: (configuration) => build(configuration.revision),
    })
    return { feed, hand: (each: ConfigRecord) => hand(each) }
  }

  test('F1: a record whose parent is not the revision held is ignored', async () => {
    const { feed } = await feedOf([
      record(0, revision(1, 0)),
      record(3, revision(3, 2)),
      record(4, revision(2, 1)),
      record(5, revision(2, 1)),
    ])
    expect(feed.current()).toEqual({ offset: 4, revision: 2, value: 2 })
  })

  test('F2: at any offset it says what held there', async () => {
    const { feed } = await feedOf([
      record(1, revision(1, 0)),
      record(3, revision(7, 2)),
      record(5, revision(2, 1)),
    ])
    expect([0, 1, 3, 4, 5, 99].map((offset) => feed.at(offset)?.revision)).toEqual([undefined, 1, 1, 1, 2, 2])
  })

  test('F3: a revision that cannot be used leaves the last one in force, says why, and later ones still follow it', async () => {
    const { feed, hand } = await feedOf([record(0, revision(1, 0))], (number) => {
      if (number === 2) throw new Error('a secret is missing')
      return number
    })
    const seen: number[] = []
    const stop = feed.onChange((configuration) => seen.push(configuration.revision))
    hand(record(1, revision(2, 1)))
    expect(feed.current()!.revision).toBe(1)
    expect(feed.unusable()).toEqual({ revision: 2, reason: 'a secret is missing' })
    hand(record(2, revision(3, 2)))
    expect(feed.current()!.revision).toBe(3)
    expect(feed.unusable()).toBeUndefined()
    stop()
    hand(record(3, revision(4, 3)))
    expect(seen).toEqual([3])
  })
})
