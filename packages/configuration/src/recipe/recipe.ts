import { Type, type Static } from 'typebox'
import { closed } from '../model/terms.ts'

const template = (description: string) => Type.String({ minLength: 1, maxLength: 4_000, description })
const templates = (description: string) =>
  Type.Record(Type.String({ minLength: 1, maxLength: 200 }), template('A template.'), { description })

/** What an answer means; see docs/operating/deliveries.md. */
const Verdict = Type.Union(
  [
    Type.Literal('delivered'),
    Type.Literal('retry'),
    Type.Literal('wait'),
    Type.Literal('item'),
    Type.Literal('pause'),
    Type.Literal('disable'),
  ],
  { description: 'What it means.' },
)

/** A service as one request: its address, what is sent, and what its answers mean. */
export const Recipe = closed(
  {
    method: Type.Optional(
      Type.Union([Type.Literal('POST'), Type.Literal('PUT'), Type.Literal('PATCH')], {
        description: 'POST when not given.',
      }),
    ),
    url: template('Address, a template over `param` and `secret`.'),
    query: Type.Optional(templates('Parameters of the address, templates over `param` and `secret`.')),
    headers: Type.Optional(templates('Headers, templates over `param` and `secret`.')),
    item: Type.Unknown({ description: 'What one change becomes: a template over `item` and `param`.' }),
    body: Type.Unknown({ description: 'What is sent: a template over `items` and `param`.' }),
    batch: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000,
        description: 'Most items of one request. 1 when not given.',
      }),
    ),
    params: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][a-zA-Z0-9]*$' }),
        closed(
          {
            description: Type.String({ maxLength: 200, description: 'For people.' }),
            default: Type.Optional(
              Type.Union([Type.String(), Type.Number(), Type.Boolean()], {
                description: 'When it is not given; without one it must be.',
              }),
            ),
          },
          { description: 'A parameter.' },
        ),
        { description: 'What a destination may set, read as `param.<name>`.' },
      ),
    ),
    secrets: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z][a-zA-Z0-9]*$' }), {
        description: 'Secrets a destination must name files for, read as `secret.<name>`.',
      }),
    ),
    answers: Type.Optional(
      Type.Array(
        closed(
          {
            status: Type.Integer({ minimum: 100, maximum: 599, description: 'HTTP status.' }),
            verdict: Verdict,
          },
          { description: 'An answer that means something else than its status usually does.' },
        ),
        { description: 'What its answers mean, where that is not what their status usually means.' },
      ),
    ),
  },
  { description: 'A service as one request.' },
)
export type Recipe = Static<typeof Recipe>
