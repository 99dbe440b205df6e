import { Type, type Static } from 'typebox'
import { EventFilter } from './comparison.ts'
import { closed, duration, eventPath, heading, id } from './terms.ts'

const selection = {
  event: Type.String({ minLength: 1, maxLength: 256, description: 'Name of the event, exactly.' }),
  filter: Type.Optional(EventFilter),
  within: Type.Optional(
    duration(
      'Only events of this last while, by event time. The letter says how fine: days go out one by one, hours too.',
    ),
  ),
}

const ofEvents = (description: string) => closed(selection, { description })

const ofValues = (description: string) =>
  closed({ ...selection, path: eventPath('The value.') }, { description })

const ofEnds = (description: string) =>
  closed(
    {
      ...selection,
      path: Type.Optional(eventPath('The value; the time of the event (ISO-8601, UTC) when not given.')),
    },
    { description },
  )

export const Trait = closed(
  {
    ...heading('Trait', 'Name of the trait in `computed`, or for `prefer` the trait whose source is chosen.'),
    count: Type.Optional(ofEvents('How many events.')),
    sum: Type.Optional(
      ofValues('Exact decimal sum of a number in the events; other values count as nothing.'),
    ),
    first: Type.Optional(ofEnds('The value at the earliest event.')),
    last: Type.Optional(ofEnds('The value at the latest event.')),
    min: Type.Optional(ofValues('Smallest number.')),
    max: Type.Optional(ofValues('Largest number.')),
    average: Type.Optional(ofValues('Average of a number, exact to ten digits after the point.')),
    mostFrequent: Type.Optional(ofValues('The value seen most often.')),
    uniqueList: Type.Optional(ofValues('Different values, the hundred seen last.')),
    distinct: Type.Optional(ofValues('How many different values, counted up to 500.')),
    prefer: Type.Optional(
      Type.Array(id('A source.'), {
        minItems: 1,
        maxItems: 50,
        uniqueItems: true,
        description: 'Which source wins for the trait of this name, before time.',
      }),
    ),
  },
  {
    description: 'A trait computed from events, or which source wins for a trait people send.',
    exactlyOne: [
      'count',
      'sum',
      'first',
      'last',
      'min',
      'max',
      'average',
      'mostFrequent',
      'uniqueList',
      'distinct',
      'prefer',
    ],
  },
)
export type TraitDocument = Static<typeof Trait>
