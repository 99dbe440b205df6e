import { Type, type Static } from 'typebox'
import { EventFilter, NumberComparison, numberOperators, operators } from './comparison.ts'
import { closed, date, duration, eventPath, heading, id, identifierType } from './terms.ts'

const eventName = Type.String({ minLength: 1, maxLength: 256, description: 'Name of the event, exactly.' })

const aggregate = (description: string) =>
  Type.Optional(closed({ path: eventPath('The value.'), ...numberOperators }, { description }))

const window = {
  within: Type.Optional(duration('Only events of this last while.')),
  between: Type.Optional(
    closed(
      { from: date('From then on.'), to: date('Up to, not including.') },
      { description: 'Only events between two dates.' },
    ),
  ),
  since: Type.Optional(date('Only events from then on.')),
  ever: Type.Optional(Type.Literal(true, { description: 'All events; so it is when no window is given.' })),
}

const TraitLeaf = closed(
  {
    trait: Type.String({
      pattern: '^([a-z][a-z0-9_-]{0,62}|traits\\.[^\\s].*)$',
      expects: 'the id of a Trait document, or traits.<path>',
      description: 'Id of a Trait document, or traits.<path> for a trait people send.',
    }),
    ...operators,
  },
  { description: 'A trait of the profile; without an operator: that it has a value.' },
)

const EventLeaf = closed(
  {
    event: eventName,
    filter: Type.Optional(EventFilter),
    count: Type.Optional(NumberComparison),
    sum: aggregate('The sum of a number.'),
    average: aggregate('The average of a number.'),
    min: aggregate('The smallest number.'),
    max: aggregate('The largest number.'),
    distinct: aggregate('How many different values.'),
    ...window,
  },
  { description: 'Events of the profile; without count or another aggregate: at least one.' },
)

const SequenceLeaf = closed(
  {
    sequence: closed(
      {
        steps: Type.Array(closed({ event: eventName, filter: Type.Optional(EventFilter) }), {
          minItems: 2,
          maxItems: 10,
          description: 'In this order.',
        }),
        within: Type.Optional(duration('From the first step to the last.')),
      },
      { description: 'The steps, and how long they may take.' },
    ),
  },
  { description: 'Events one after another.' },
)

const InactiveLeaf = closed(
  {
    inactive: closed(
      { for: duration('No event for so long.'), event: Type.Optional(eventName) },
      { description: 'For how long, and of which event.' },
    ),
  },
  { description: 'No event for a while.' },
)

const AudienceLeaf = closed(
  { audience: id('Id of an Audience document.') },
  { description: 'Members of another audience.' },
)

const IdentifierLeaf = closed(
  {
    identifier: identifierType('A type of identifier.'),
    exists: Type.Optional(Type.Boolean({ description: 'true when not given.' })),
  },
  { description: 'Whether the profile has an identifier of a type.' },
)

const ConsentLeaf = closed(
  {
    consent: id('A purpose.'),
    granted: Type.Optional(Type.Boolean({ description: 'true when not given.' })),
  },
  { description: 'Whether the person consents.' },
)

const SampleLeaf = closed(
  {
    sample: closed(
      {
        percent: Type.Number({ exclusiveMinimum: 0, maximum: 100, description: 'How many of a hundred.' }),
        salt: Type.Optional(Type.String({ maxLength: 64, description: 'Another one gives other people.' })),
      },
      { description: 'How many, and which.' },
    ),
  },
  { description: 'The same part of all profiles always, by hash.' },
)

const conditions = (description: string) =>
  Type.Array(Type.Ref('Condition'), { minItems: 1, maxItems: 100, description })

export const Condition = Type.Cyclic(
  {
    Condition: Type.Union([
      closed({ all: conditions('What must hold.') }, { description: 'Every one holds.' }),
      closed({ any: conditions('Of which one must hold.') }, { description: 'At least one holds.' }),
      closed({ not: Type.Ref('Condition') }, { description: 'It does not hold.' }),
      TraitLeaf,
      EventLeaf,
      SequenceLeaf,
      InactiveLeaf,
      AudienceLeaf,
      IdentifierLeaf,
      ConsentLeaf,
      SampleLeaf,
    ]),
  },
  'Condition',
)
export type Condition = Static<typeof Condition>
export type TraitLeaf = Static<typeof TraitLeaf>
export type EventLeaf = Static<typeof EventLeaf>

export const Audience = closed(
  {
    ...heading('Audience', 'Name of the audience in the public topics.'),
    where: Condition,
    disabled: Type.Optional(Type.Boolean({ description: 'Nobody enters or leaves while true.' })),
  },
  { description: 'A named condition on profiles.' },
)
export type AudienceDocument = Static<typeof Audience>
