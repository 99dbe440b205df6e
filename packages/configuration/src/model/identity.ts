import { Type, type Static } from 'typebox'
import { closed, eventPath, heading, identifierType } from './terms.ts'

const IdentifierTypeRule = closed({
  type: identifierType('Name of the type, for example loyalty_id.'),
  strength: Type.Optional(
    Type.Union([Type.Literal('strong'), Type.Literal('weak')], {
      description: 'Two values of one strong type are two people. weak when not given.',
    }),
  ),
  normalise: Type.Optional(
    Type.Union([Type.Literal('email'), Type.Literal('phone'), Type.Literal('trim')], {
      description:
        'How a value is made comparable. By the name of the type when not given (email, phone), else trim.',
    }),
  ),
  maxPerProfile: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description:
        'At most so many in one profile. Strong: 1; anonymous_id and device_id: 50; other weak types: 5, when not given.',
    }),
  ),
  sharedAfter: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description:
        'Seen with more distinct values of one strong type than this, it links nobody. 3 when not given.',
    }),
  ),
  from: Type.Optional(
    Type.Array(eventPath('Where values are found.'), {
      minItems: 1,
      maxItems: 10,
      description:
        'Where in an event values are found. user_id: userId; anonymous_id: anonymousId; device_id: context.device.id; others: traits.<type> and context.traits.<type>, when not given. context.externalIds are always looked at too.',
    }),
  ),
  pattern: Type.Optional(
    Type.String({
      maxLength: 500,
      description: 'Regular expression a normalised value must match as a whole.',
    }),
  ),
})

export const Identity = closed(
  {
    ...heading('Identity', 'There is one Identity document at most.'),
    types: Type.Array(IdentifierTypeRule, {
      minItems: 1,
      maxItems: 50,
      description: 'Types of identifiers, strongest first: the first one an event carries is its anchor.',
    }),
    owner: Type.Optional(
      Type.Union([Type.Literal('first'), Type.Literal('nobody')], {
        description:
          'Who owns a weak identifier seen with several values of one strong type, while it is not yet shared. first when not given.',
      }),
    ),
    blocked: Type.Optional(
      Type.Array(
        closed({
          type: identifierType('Type of identifier.'),
          value: Type.String({
            minLength: 1,
            maxLength: 512,
            description: 'As people write it; it is normalised.',
          }),
        }),
        {
          maxItems: 10_000,
          description: 'Values that never identify anybody, for example the address of a till.',
        },
      ),
    ),
    placeholders: Type.Optional(
      closed(
        {
          values: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
              maxItems: 1000,
              description: 'In any case and any quotes.',
            }),
          ),
          patterns: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 500 }), {
              maxItems: 100,
              description: 'Regular expressions, in any case.',
            }),
          ),
        },
        {
          description: 'Values, and regular expressions, that are no identifiers, beside the built-in ones.',
        },
      ),
    ),
  },
  { description: 'How identifiers become people.' },
)
export type IdentityDocument = Static<typeof Identity>
export type IdentifierTypeRule = Static<typeof IdentifierTypeRule>
