import { expect, test } from '@jest/globals'
import { type WorldPreset, worldPresets } from '../support/world/worldPresets.ts'
import { measureIdentity, shortcomings } from './measureIdentity.ts'
import { reportText } from './reportText.ts'

const options = { persons: 200, seed: 7, shuffles: 3 }
const worlds = (Object.keys(worldPresets) as WorldPreset[]).map((preset) => measureIdentity(preset, options))

test('the bars hold in small worlds too, and nothing depends on the order of arrival', () => {
  expect(shortcomings(worlds)).toEqual([])
})

test('a first-come resolver depends on the order of arrival: the worlds are hard enough to tell', () => {
  const greedy = worlds.map(({ resolvers }) => resolvers.find((each) => each.name === 'greedy')!.differs)
  expect(greedy[1]).toBeGreaterThan(0)
  expect(greedy[2]).toBeGreaterThan(greedy[1]!)
})

test('a shortcoming is said, and stands in the report', () => {
  const [clean] = worlds
  const worse = {
    ...clean!,
    resolvers: clean!.resolvers.map((each) => ({
      ...each,
      differs: 0.5,
      score: { ...each.score, bCubed: { precision: 1, recall: 0.5, f1: 0.67 } },
    })),
  }
  expect(shortcomings([worse])).toEqual([
    'clean, first: B³ F1 is 0.6700, it must be 0.99',
    'clean, first: 0.5 of the identifiers depend on the order of arrival',
    'clean, nobody: 0.5 of the identifiers depend on the order of arrival',
  ])
  expect(reportText([worse], options)).toContain('**Short:** clean, first: B³ F1 is 0.6700')
})
