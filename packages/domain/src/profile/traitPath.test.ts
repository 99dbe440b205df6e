import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { buildTree, flattenTree, joinPath, pathsAbove, splitPath } from './traitPath.ts'

const keys = fc.array(fc.string({ minLength: 1, unit: fc.constantFrom('a', '.', '\\', 'é') }), {
  minLength: 1,
  maxLength: 4,
})

test('a path gives back the keys it was made of, and every path above it', () => {
  fc.assert(
    fc.property(keys, (all) => {
      const paths = all.reduce<string[]>((made, key) => [...made, joinPath(made.at(-1) ?? '', key)], [])
      expect(splitPath(paths.at(-1)!)).toEqual(all)
      expect(pathsAbove(paths.at(-1)!)).toEqual(paths.slice(0, -1))
    }),
  )
})

test('a tree taken apart and put together is the same tree without its empty objects', () => {
  const leaf = fc.oneof(fc.integer(), fc.constant(null), fc.array(fc.integer(), { maxLength: 2 }))
  const tree = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 3 }),
    fc.oneof(
      leaf,
      fc.dictionary(fc.string({ minLength: 1, maxLength: 3 }), leaf, { minKeys: 1, maxKeys: 3 }),
    ),
  )
  fc.assert(
    fc.property(tree, (given) => {
      const { values, cut } = flattenTree(given)
      expect(cut).toBe(false)
      expect(buildTree(values)).toEqual(given)
    }),
  )
})

test('a path that is too long and a key without a name are left out, and said to be', () => {
  expect(flattenTree({ ['x'.repeat(257)]: 1, ok: 2 }, '', 256)).toEqual({
    values: [{ path: 'ok', value: 2 }],
    cut: true,
  })
  expect(flattenTree({ '': 1 })).toEqual({ values: [], cut: true })
})
