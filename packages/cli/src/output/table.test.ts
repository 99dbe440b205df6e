import { expect, test } from '@jest/globals'
import { createPaint } from './paint.ts'
import { counted, shortened, table } from './table.ts'
import { agoText, timeText } from './time.ts'

test('columns are aligned by what is seen: accents count once, colours not at all', () => {
  const paint = createPaint(true)
  expect(
    table([
      [paint.green('Chloé'), '1'],
      ['Bo', '22'],
    ]),
  ).toBe(`${paint.green('Chloé')}  1\nBo     22`)
  expect(table([['a', '']], { indent: 2 })).toBe('  a')
})

test('without a terminal there is no colour', () => {
  expect(createPaint(false).red('x')).toBe('x')
})

test('counts, times and long texts read like words', () => {
  expect([counted(1, 'event'), counted(2, 'event'), counted(0, 'entry', 'entries')]).toEqual([
    '1 event',
    '2 events',
    '0 entries',
  ])
  expect(shortened('a\n  b', 10)).toBe('a b')
  expect(shortened('abcdef', 4)).toBe('abc…')
  expect(timeText(0)).toBe('1970-01-01 00:00:00Z')
  expect([1_000, 300_000, 10_000_000, 400_000_000].map((ms) => agoText(0, ms))).toEqual([
    '1 s ago',
    '5 min ago',
    '3 h ago',
    '5 days ago',
  ])
})
