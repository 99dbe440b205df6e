import { Type, type Static } from 'typebox'
import { scalar } from './terms.ts'

const number = (description: string) => Type.Union([Type.Number(), Type.String()], { description })

const listed = (description: string) =>
  Type.Array(scalar('A value.'), { minItems: 1, maxItems: 1000, description })

/** The closed set of operators; several at once must all hold. */
export const operators = {
  eq: Type.Optional(scalar('Equal, of the same type.')),
  ne: Type.Optional(scalar('Not equal; also when there is no value.')),
  gt: Type.Optional(number('Greater than: numbers by value, texts by code point.')),
  gte: Type.Optional(number('Greater or equal.')),
  lt: Type.Optional(number('Less than.')),
  lte: Type.Optional(number('Less or equal.')),
  in: Type.Optional(listed('Equal to one of these.')),
  notIn: Type.Optional(listed('Equal to none of these; also when there is no value.')),
  contains: Type.Optional(scalar('A text that holds this text, or a list that holds this value.')),
  startsWith: Type.Optional(Type.String({ minLength: 1, description: 'A text that begins so.' })),
  endsWith: Type.Optional(Type.String({ minLength: 1, description: 'A text that ends so.' })),
  exists: Type.Optional(Type.Boolean({ description: 'Whether there is a value that is not null.' })),
}

export const Comparison = Type.Object(operators, {
  additionalProperties: false,
  minProperties: 1,
  defName: 'Comparison',
})
export type Comparison = Static<typeof Comparison>

export const comparisonOperators = Object.keys(operators) as (keyof Comparison)[]

/** For counts and sums. */
export const numberOperators = {
  eq: Type.Optional(Type.Number({ description: 'Equal.' })),
  ne: Type.Optional(Type.Number({ description: 'Not equal.' })),
  gt: Type.Optional(Type.Number({ description: 'More than.' })),
  gte: Type.Optional(Type.Number({ description: 'At least.' })),
  lt: Type.Optional(Type.Number({ description: 'Less than.' })),
  lte: Type.Optional(Type.Number({ description: 'At most.' })),
}

export const NumberComparison = Type.Object(numberOperators, {
  additionalProperties: false,
  minProperties: 1,
  defName: 'NumberComparison',
})
export type NumberComparison = Static<typeof NumberComparison>

/** Which events: path inside the event to what must hold; a bare value means eq. All must hold. */
export const EventFilter = Type.Record(
  Type.String({ pattern: '^(source|type|name|(properties|traits|context)\\.[^\\s].*)$' }),
  Type.Union([scalar('Equal to it.'), Comparison]),
  {
    defName: 'EventFilter',
    description:
      'Path to what must hold, for example {properties.channel: web, properties.total: {gte: 50}}; `source` is the id of the source. All must hold.',
  },
)
export type EventFilter = Static<typeof EventFilter>
