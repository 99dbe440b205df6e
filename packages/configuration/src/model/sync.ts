import { Type, type Static } from 'typebox'
import { closed, heading, id, path } from './terms.ts'

export const FieldValue = Type.Union([
  path(
    'A path inside the item: profileId, identifiers.<type>, traits.<path>, computed.<trait>, audiences.<id>, change, audience, version, time, mergedInto.',
  ),
  closed({ const: Type.Unknown({ description: 'Always this value.' }) }),
  closed({
    cel: Type.String({
      minLength: 1,
      maxLength: 1_000,
      description:
        'An expression in CEL over the same parts, for example traits.first_name + " " + traits.last_name.',
    }),
  }),
])
export type FieldValue = Static<typeof FieldValue>

export const Sync = closed(
  {
    ...heading('Sync', 'Who goes to a destination, and how mapped.'),
    from: Type.Union(
      [
        closed({ audience: id('Id of an Audience document: people who enter or leave it.') }),
        closed({
          profile: closed(
            {
              paths: Type.Optional(
                Type.Array(path('A path of the profile or the beginning of one, for example traits.plan.'), {
                  minItems: 1,
                  maxItems: 100,
                  description: 'Only changes of these; any change when not given.',
                }),
              ),
            },
            { description: 'Changes of profiles.' },
          ),
        }),
      ],
      { description: 'What it follows.' },
    ),
    to: id('Id of a Destination document.'),
    on: Type.Optional(
      Type.Array(Type.Union([Type.Literal('entered'), Type.Literal('left')]), {
        minItems: 1,
        uniqueItems: true,
        description: 'For an audience. Both when not given.',
      }),
    ),
    existing: Type.Optional(
      Type.Union([Type.Literal('skip'), Type.Literal('send')], {
        description:
          'Whether those who are members already are sent when the sync begins, and those who are when its audience is made or widened. skip when not given.',
      }),
    ),
    ignoreChangesFrom: Type.Optional(
      Type.Array(id('A source.'), {
        uniqueItems: true,
        description:
          'Changes caused by these sources alone are not sent: no echo of what a system wrote itself.',
      }),
    ),
    fields: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: 128 }), FieldValue, {
        description: 'Field of the call to where its value is; the whole change record when not given.',
      }),
    ),
    disabled: Type.Optional(Type.Boolean({ description: 'Send nothing.' })),
  },
  { description: 'Which changes go to which destination, and how mapped.' },
)
export type SyncDocument = Static<typeof Sync>
