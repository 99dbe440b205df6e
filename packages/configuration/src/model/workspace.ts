import { Type, type Static } from 'typebox'
import { closed, duration, heading, id } from './terms.ts'

const kept = (description: string) =>
  Type.Union([Type.Literal('forever'), duration(description)], { description })

export const Workspace = closed(
  {
    ...heading('Workspace', 'What this installation serves: one company or brand.'),
    schema: Type.Literal('tributary/v1', { description: 'Version of the grammar of all documents.' }),
    timeZone: Type.String({
      minLength: 1,
      description: 'IANA zone of calendar days, for example Europe/Paris.',
    }),
    region: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{2}$',
        expects: 'a country such as FR',
        description: 'Country of phone numbers without a prefix, ISO 3166, for example FR.',
      }),
    ),
    consent: Type.Optional(
      closed(
        {
          purposes: Type.Array(id('A purpose, for example email.'), {
            uniqueItems: true,
            maxItems: 50,
            description: 'What for.',
          }),
          whenUnknown: Type.Union([Type.Literal('deny'), Type.Literal('allow')], {
            description: 'What holds for a person who never said.',
          }),
        },
        { description: 'What people can consent to.' },
      ),
    ),
    retention: Type.Optional(
      closed(
        {
          events: Type.Optional(kept('How long the event log keeps events.')),
          rejected: Type.Optional(kept('How long the event log keeps rejected input.')),
        },
        { description: 'How long the event log in ClickHouse keeps what it holds; for ever when not given.' },
      ),
    ),
  },
  { description: 'The installation itself. Exactly one.' },
)
export type WorkspaceDocument = Static<typeof Workspace>
