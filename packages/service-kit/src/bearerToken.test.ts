import { expect, test } from '@jest/globals'
import { createBearerCheck, parseTokens } from './bearerToken.ts'

test('each of several tokens is accepted while one is being rotated', () => {
  const check = createBearerCheck(['old', 'new'])
  expect(check.accepts('Bearer old')).toBe(true)
  expect(check.accepts('bearer new')).toBe(true)
})

test.each([
  undefined,
  '',
  'old',
  'Basic old',
  'Bearer',
  'Bearer ',
  'Bearer olds',
  'Bearer old new',
  'Bearer OLD',
])('the header %j is refused', (header) => {
  expect(createBearerCheck(['old']).accepts(header)).toBe(false)
})

test('without any token nothing is accepted, not even an empty one', () => {
  expect(createBearerCheck([]).accepts('Bearer ')).toBe(false)
})

test('a token file has one token a line, and comments', () => {
  expect(parseTokens('# rotated in March\n\nold\r\n new \n')).toEqual(['old', 'new'])
})
