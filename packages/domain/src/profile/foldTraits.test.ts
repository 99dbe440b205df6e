import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type TraitValue } from './fragment.ts'
import { foldTraits } from './foldTraits.ts'

/** "web a.b=1@3" */
function value(text: string): TraitValue {
  const [, sourceId, path, json, time] = /^(\S+) (\S+)=(\S+)@(\d+)$/.exec(text)!
  return { sourceId: sourceId!, path: path!, json: json!, timeMs: Number(time), messageId: `m${time}` }
}

const fold = (texts: string[], prefer: Record<string, string[]> = {}) =>
  foldTraits(texts.map(value), new Map(Object.entries(prefer))).map(
    ({ sourceId, path, json }) => `${sourceId} ${path}=${json}`,
  )

describe('which values show', () => {
  test.each<[string, string[], string[]]>([
    ['one value', ['web a=1@1'], ['web a=1']],
    ['a null removes', ['web a=null@2'], []],
    ['a null hides what is below it', ['web a=null@2', 'web a.b=1@1', 'web a.c=2@3'], ['web a.c=2']],
    ['a null hides what is above it', ['web a=1@1', 'web a.b=null@2'], []],
    ['a hidden value hides all the same', ['web a.b=1@1', 'web a=null@2', 'web a.c=2@3'], ['web a.c=2']],
    ['a later scalar replaces a tree', ['web a.b=1@1', 'web a=5@2'], ['web a=5']],
    ['a later tree replaces a scalar', ['web a=5@1', 'web a.b=1@2'], ['web a.b=1']],
    ['a null of one source lets another through', ['web a=null@9', 'crm a=1@1'], ['crm a=1']],
    ['between sources the later wins', ['web a=1@1', 'crm a=2@2'], ['crm a=2']],
    ['between sources a tree and a scalar never mix', ['web a.b=1@1', 'crm a=2@2'], ['crm a=2']],
    ['siblings of two sources mix', ['web a.b=1@1', 'crm a.c=2@2'], ['web a.b=1', 'crm a.c=2']],
    ['a dot within a key is no level', ['web a=null@2', String.raw`web a\.b=1@1`], [String.raw`web a\.b=1`]],
  ])('%s', (_, values, expected) => {
    expect(fold(values)).toEqual(expected)
  })

  test('a preferred source wins before time, also below its path; one not named comes last', () => {
    const values = ['web a.b=1@9', 'crm a.b=2@1', 'pos a.b=3@5']
    expect(fold(values, { a: ['crm', 'pos'] })).toEqual(['crm a.b=2'])
    expect(fold(values, { a: ['pos'] })).toEqual(['pos a.b=3'])
    expect(fold(values, { b: ['crm'] })).toEqual(['web a.b=1'])
  })

  test('what shows never depends on the order of the values, and no path is above another', () => {
    const values = fc.uniqueArray(
      fc.record({
        path: fc.constantFrom('a', 'a.b', 'a.b.c', 'a.d', String.raw`a\.b`, 'e'),
        sourceId: fc.constantFrom('web', 'crm'),
        json: fc.constantFrom('null', '1', '2'),
        timeMs: fc.nat(3),
        messageId: fc.constantFrom('m1', 'm2'),
      }),
      { selector: ({ path, sourceId }) => `${path} ${sourceId}` },
    )
    fc.assert(
      fc.property(
        values.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        ([all, other]) => {
          const shown = foldTraits(all, new Map([['a', ['crm']]]))
          expect(foldTraits(other, new Map([['a', ['crm']]]))).toEqual(shown)
          for (const { path } of shown)
            expect(shown.filter((each) => each.path.startsWith(`${path}.`))).toEqual([])
        },
      ),
    )
  })
})
