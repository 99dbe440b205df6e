import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MAX_FILE_BYTES, parseDocuments } from './parseDocuments.ts'
import { formatProblem, validateWorkspace } from './validateWorkspace.ts'

/** All problems of one file, as a person sees them. */
function problemsOf(text: string, substitutions?: ReadonlyMap<string, string>): string[] {
  const parsed = parseDocuments([{ name: 'shop.yaml', text }], substitutions)
  return [...parsed.problems, ...validateWorkspace(parsed.documents)].map(formatProblem)
}

/** A workspace the documents of a case are added to, so that only their own problems show. It has 14 lines. */
const base = `kind: Workspace
schema: tributary/v1
id: maison
timeZone: Europe/Paris
consent: {purposes: [email], whenUnknown: deny}
---
kind: Source
id: web
http: {keys: [{kind: client, value: wk_web_1}]}
---
kind: Trait
id: spend
sum: {event: Order Completed, path: properties.total}
---
`

interface Golden {
  readonly name: string
  /** Added after the base: its first line is line 15. */
  readonly yaml: string
  readonly problems: readonly string[]
}

const shapes: Golden[] = [
  {
    name: 'an unknown key',
    yaml: 'kind: Trait\nid: t\ncont: {event: x}\n',
    problems: [
      'shop.yaml:17:1: unknown key `cont`: did you mean `count`?',
      'shop.yaml:15:1: needs one of the keys count, sum, first, last, min, max, average, mostFrequent, uniqueList, distinct, prefer',
    ],
  },
  {
    name: 'an unknown kind',
    yaml: 'kind: Audiense\nid: a\n',
    problems: ['shop.yaml:15:7: there is no kind "Audiense": did you mean `Audience`?'],
  },
  {
    name: 'a document without a kind',
    yaml: 'id: a\n',
    problems: [
      'shop.yaml:15:1: needs the key `kind`: one of Workspace, Source, Identity, Trait, Audience, Destination, Sync',
    ],
  },
  {
    name: 'a document that is a list',
    yaml: '- kind: Trait\n',
    problems: ['shop.yaml:15:1: a document is a map of keys that begins with `kind` and `id`'],
  },
  {
    name: 'a missing id and a wrong one',
    yaml: 'kind: Trait\ncount: {event: x}\n---\nkind: Trait\nid: Big Spenders\ncount: {event: x}\n',
    problems: [
      'shop.yaml:15:1: needs the key `id` (name of the trait in `computed`, or for `prefer` the trait whose source is chosen)',
      'shop.yaml:19:5: must be an id (lower-case letters, digits, - and _, a letter first, at most 63), not "Big Spenders"',
    ],
  },
  {
    name: 'wrong types and limits',
    yaml: 'kind: Destination\nid: d\nwebhook: {url: crm.example, signingSecret: {file: x}, timeoutMs: 5}\nmaxPerSecond: "20"\n',
    problems: [
      'shop.yaml:17:16: must be an address such as https://crm.example/hooks, not "crm.example"',
      'shop.yaml:17:66: must be at least 100, not 5',
      'shop.yaml:18:15: must be a number, not "20"',
    ],
  },
  {
    name: 'a value of a closed list',
    yaml: 'kind: Source\nid: pos\nkafka: {topic: t, format: segmnt}\n',
    problems: [
      'shop.yaml:17:27: must be one of json, segment, cloudevents, debezium, connect, not "segmnt": did you mean `segment`?',
    ],
  },
  {
    name: 'two things of which one is allowed',
    yaml: 'kind: Source\nid: pos\nhttp: {keys: [{kind: client, value: wk_pos_1}]}\nkafka: {topic: t, format: segment}\n',
    problems: ['shop.yaml:18:1: `http` and `kafka` cannot stand together: one of http, kafka, webhook'],
  },
  {
    name: 'a key that stands twice',
    yaml: 'kind: Trait\nid: t\ncount: {event: x}\nid: u\n',
    problems: ['shop.yaml:18:1: this key stands twice in the same map'],
  },
  {
    name: 'what is no YAML',
    yaml: 'kind: Trait\nid: [t\n',
    problems: [expect.stringMatching(/^shop\.yaml:1[67]:\d+: cannot be read as YAML: /) as unknown as string],
  },
  {
    name: 'a number too large to be kept',
    yaml: 'kind: Audience\nid: a\nwhere: {trait: traits.n, eq: 9007199254740993}\n',
    problems: ['shop.yaml:17:30: this number is too large to be kept exactly: write it as a text, in quotes'],
  },
]

const conditions: Golden[] = [
  {
    name: 'a mistyped leaf',
    yaml: 'kind: Audience\nid: a\nwhere:\n  all:\n    - {trait: spend, gte: 200}\n    - {evnt: Order Completed}\n',
    problems: ['shop.yaml:20:8: unknown key `evnt`: did you mean `event`?'],
  },
  {
    name: 'no leaf at all',
    yaml: 'kind: Audience\nid: a\nwhere: {gte: 3}\n',
    problems: [
      'shop.yaml:17:8: needs one of the keys all, any, not, trait, event, sequence, inactive, audience, identifier, consent, sample',
    ],
  },
  {
    name: 'two leaves in one',
    yaml: 'kind: Audience\nid: a\nwhere: {trait: spend, event: Order Completed}\n',
    problems: ['shop.yaml:17:23: `trait` and `event` cannot stand together: write one entry for each'],
  },
  {
    name: 'a mistyped operator, deep inside',
    yaml: 'kind: Audience\nid: a\nwhere:\n  any:\n    - not:\n        all:\n          - {trait: spend, gtee: 1}\n',
    problems: ['shop.yaml:21:28: unknown key `gtee`: did you mean `gte`?'],
  },
  {
    name: 'two counts of one leaf',
    yaml: 'kind: Audience\nid: a\nwhere: {event: x, count: {gte: 1}, ever: true, since: 2026-01-01}\n',
    problems: [
      'shop.yaml:17:36: `since` and `ever` cannot stand together: combine two conditions with all or any',
    ],
  },
  {
    name: 'a filter on what is no part of an event',
    yaml: 'kind: Audience\nid: a\nwhere: {event: x, filter: {total: 3}}\n',
    problems: ['shop.yaml:17:28: `total` is no name that can stand here'],
  },
]

const notYet: Golden[] = [
  {
    name: 'windows of a trait in units too small for them',
    yaml: 'kind: Trait\nid: t\nsum: {event: x, path: properties.total, within: 801h}\n---\nkind: Trait\nid: u\nmin: {event: x, path: properties.total, within: 800h}\n',
    problems: [
      'shop.yaml:17:49: a window has at most 800 minutes, hours or days: write a longer one in larger units',
    ],
  },
]

const secrets: Golden[] = [
  {
    name: 'a secret write key',
    yaml: 'kind: Source\nid: crm\nhttp: {keys: [{kind: secret, value: abcdef}]}\n',
    problems: [
      'shop.yaml:17:30: a secret key is written inline; secrets never stand in documents: put it in a file of the directory of secrets and write {file: <its name>}',
    ],
  },
  {
    name: 'a signing secret, and an address with a password',
    yaml: 'kind: Destination\nid: d\nwebhook:\n  url: https://me:pass@crm.example/x\n  signingSecret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n',
    problems: [
      'shop.yaml:18:8: this is an address with a password in it; secrets never stand in documents: put it in a file of the directory of secrets and write {file: <its name>}',
      'shop.yaml:19:18: this is a signing secret; secrets never stand in documents: put it in a file of the directory of secrets and write {file: <its name>}',
    ],
  },
]

const meaning: Golden[] = [
  {
    name: 'erasure by a row that is no person',
    yaml: 'kind: Source\nid: cdc\nkafka: {topic: t, format: debezium, onDelete: erase}\nmap: {type: kind, identifiers: {user_id: id}}\n',
    problems: ['shop.yaml:17:47: only rows that are people may erase: `map.type` must be {const: identify}'],
  },
  {
    name: 'windows and dates of an audience that cannot be',
    yaml: `kind: Audience
id: a
where:
  all:
    - {event: x, within: 801h}
    - {inactive: {for: 900d}}
    - {event: x, since: 2026-02-30}
    - {event: x, between: {from: 2026-02-01, to: 2026-02-01}}
    - {event: x, sum: {path: properties.total}}
    - {event: x, within: 1d, since: 2026-01-01}
`,
    problems: [
      'shop.yaml:19:26: a window has at most 800 minutes, hours or days: write a longer one in larger units',
      'shop.yaml:20:24: a window has at most 800 minutes, hours or days: write a longer one in larger units',
      'shop.yaml:21:25: there is no 2026-02-30 in the calendar',
      'shop.yaml:22:50: 2026-02-01 is not after 2026-02-01',
      'shop.yaml:23:18: `sum` compares with nothing: add gte, lt or another',
      'shop.yaml:24:30: `within` and `since` cannot stand together: combine two conditions with all or any',
    ],
  },
  {
    name: 'a sequence of one step',
    yaml: 'kind: Audience\nid: a\nwhere: {sequence: {steps: [{event: x}]}}\n',
    problems: ['shop.yaml:17:27: needs at least 2 entries'],
  },
  {
    name: 'members already of no audience',
    yaml: 'kind: Destination\nid: d\nwebhook: {url: https://x.example, signingSecret: {file: d}}\n---\nkind: Sync\nid: s\nfrom: {profile: {}}\nto: d\nexisting: send\n',
    problems: [
      'shop.yaml:23:11: `send` is for an audience: a sync of profiles sends each when it next changes',
    ],
  },
  {
    name: 'audiences that read themselves, or one that is not there',
    yaml: `kind: Audience
id: a
where: {all: [{audience: b}, {audience: d}]}
---
kind: Audience
id: b
where: {not: {audience: c}}
---
kind: Audience
id: c
where: {any: [{audience: a}]}
---
kind: Audience
id: e
where: {audience: e}
`,
    problems: [
      'shop.yaml:17:26: the audience would read itself: a reads b reads c reads a',
      'shop.yaml:17:41: there is no Audience document `d`; known are a, b, c, e',
      'shop.yaml:21:25: the audience would read itself: b reads c reads a reads b',
      'shop.yaml:25:26: the audience would read itself: c reads a reads b reads c',
      'shop.yaml:29:19: the audience would read itself: e reads e',
    ],
  },
  {
    name: 'a time zone, a country and a regular expression that are none',
    yaml: `kind: Identity
id: default
types: [{type: email, pattern: '['}, {type: email}, {type: user_id, strength: strong, sharedAfter: 3}]
blocked: [{type: phone, value: '1'}]
---
kind: Source
id: pos
kafka: {topic: t, format: json}
map: {time: {path: at, zone: Europe/Pari}, identifiers: {email: mail}}
`,
    problems: [
      'shop.yaml:17:32: no regular expression: Invalid regular expression: /[/u: Unterminated character class',
      'shop.yaml:17:45: `email` stands here twice',
      'shop.yaml:17:87: only a weak type is ever shared: leave `sharedAfter` out, or make the type weak',
      'shop.yaml:18:18: `phone` is none of the types above',
      'shop.yaml:23:30: "Europe/Pari" is no IANA time zone such as Europe/Paris',
    ],
  },
  {
    name: 'a mapping that is missing or in the wrong place',
    yaml: 'kind: Source\nid: a\nkafka: {topic: t, format: json}\n---\nkind: Source\nid: b\nkafka: {topic: u, format: segment}\nmap: {identifiers: {email: mail}}\n',
    problems: [
      'shop.yaml:17:27: plain JSON needs `map`: how a record becomes an event',
      'shop.yaml:22:1: `map` is for a Kafka topic of format json, cloudevents, debezium or connect, a webhook, or files over HTTP',
    ],
  },
]

const references: Golden[] = [
  {
    name: 'a topic for a subscriber: what it may see is chosen, and by one sync',
    yaml: `kind: Destination
id: t
kafka: {topic: crm.people}
---
kind: Sync
id: a
from: {profile: {}}
to: t
---
kind: Sync
id: b
from: {profile: {}}
to: t
fields: {plan: traits.plan}
`,
    problems: [
      'shop.yaml:19:1: a sync to a Kafka topic needs `fields`: what its readers may see',
      'shop.yaml:27:5: `t` already holds what the sync `a` shows: one topic, one sync',
    ],
  },
  {
    name: 'a table: what its rows have anyway, and a name that is too long',
    yaml: `kind: Destination
id: t
postgres: {host: db.example, database: crm, user: crm, password: {file: crm}, table: "people; drop"}
---
kind: Destination
id: u
postgres: {host: db.example, database: crm, user: crm, password: {file: crm}, table: crm.people}
---
kind: Sync
id: a
from: {profile: {}}
to: u
fields: {version: version, ${'long'.repeat(16)}: traits.plan}
`,
    problems: [
      'shop.yaml:17:86: must be the name of a table such as crm.people, not "people; drop"',
      'shop.yaml:27:10: the column `version` is written with every row: name the field otherwise',
      `shop.yaml:27:28: a name of a column has at most 63 bytes in PostgreSQL`,
    ],
  },
  {
    name: 'what is not there',
    yaml: `kind: Audience
id: big
where: {all: [{trait: spent, gte: 3}, {trait: traits.anything}, {event: x, filter: {source: wbe}}]}
---
kind: Destination
id: crm
webhook: {url: https://crm.example, signingSecret: {file: crm}}
purposes: [emial]
---
kind: Sync
id: s
from: {audience: bigg}
to: crmm
ignoreChangesFrom: [pos]
fields: {a: computed.spent, b: identifiers.crm_id, c: nothing.x, d: traits.any}
---
kind: Trait
id: first_name
prefer: [web, crm]
`,
    problems: [
      'shop.yaml:17:23: there is no Trait document `spent`: did you mean `spend`? (a trait people send is written traits.spent)',
      'shop.yaml:17:93: there is no Source document `wbe`: did you mean `web`?',
      'shop.yaml:22:12: there is no purpose of the workspace `emial`: did you mean `email`?',
      'shop.yaml:26:18: there is no Audience document `bigg`: did you mean `big`?',
      'shop.yaml:27:5: there is no Destination document `crmm`: did you mean `crm`?',
      'shop.yaml:28:21: there is no Source document `pos`; known are web',
      'shop.yaml:29:13: there is no Trait document `spent`: did you mean `spend`?',
      'shop.yaml:29:32: there is no type of identifier `crm_id`; known are user_id, email, phone, device_id, anonymous_id',
      'shop.yaml:29:55: there is no part of what is sent `nothing`',
      'shop.yaml:33:15: there is no Source document `crm`; known are web',
    ],
  },
  {
    name: 'what is there twice',
    yaml: `kind: Source
id: web
http: {keys: [{kind: client, value: wk_web_2}]}
---
kind: Source
id: app
http: {keys: [{kind: client, value: wk_web_1}]}
---
kind: Source
id: pos
kafka: {topic: t, format: segment}
---
kind: Source
id: pos2
kafka: {topic: t, format: segment}
---
kind: Workspace
schema: tributary/v1
id: other
timeZone: UTC
`,
    problems: [
      'shop.yaml:16:5: there is a Source `web` already, at shop.yaml:8',
      'shop.yaml:31:7: there is another Workspace document; only one can be',
      'shop.yaml:21:37: source web has the same key: nobody could tell them apart',
      'shop.yaml:29:16: source pos reads the same topic: one topic is one source',
    ],
  },
]

describe.each([
  ['shape', shapes],
  ['conditions', conditions],
  ['not yet', notYet],
  ['secrets', secrets],
  ['meaning', meaning],
  ['references', references],
])('%s', (_, cases) => {
  test.each(cases)('$name: said where it stands, and what to do', ({ yaml, problems }) => {
    expect(problemsOf(base + yaml)).toEqual(problems)
  })
})

test('nothing is wrong with a whole workspace', () => {
  expect(problemsOf(base)).toEqual([])
})

test('no Workspace document is one problem of the whole', () => {
  expect(problemsOf('')).toEqual(['.: there is no Workspace document; exactly one is needed'])
})

test('texts are filled in from what was set, from their own fall-back, and else are a problem', () => {
  const yaml = `${base}kind: Destination
id: d
description: costs $\${PRICE}
webhook: {url: '\${URL}', signingSecret: {file: '\${FILE:-crm}'}}
`
  expect(problemsOf(yaml)).toEqual([
    'shop.yaml:18:16: ${URL} has no value: give it with --set URL=…',
    expect.any(String),
  ])
  const parsed = parseDocuments([{ name: 'x', text: yaml }], new Map([['URL', 'http://127.0.0.1:1/x']]))
  expect(parsed.problems).toEqual([])
  expect(parsed.documents.at(-1)!.document).toMatchObject({
    description: 'costs ${PRICE}',
    webhook: { url: 'http://127.0.0.1:1/x', signingSecret: { file: 'crm' } },
  })
})

describe('hostile files', () => {
  test('a bomb of aliases is refused before it is unfolded', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (let i = 1; i < 10; i++) {
      const [before, here] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)]
      bomb.push(`${here}: &${here} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`)
    }
    expect(problemsOf(`kind: Trait\nid: t\n${bomb.join('\n')}\n`)[0]).toMatch(
      /more than 100 aliases followed/,
    )
  })

  test('an alias that holds itself is refused', () => {
    expect(problemsOf('kind: Trait\nid: t\ncount: &c {event: x, again: *c}\n')[0]).toMatch(
      /levels deep|alias/,
    )
  })

  test.each([
    ['as a value', 'kind: Trait\nid: t\ncount: *c\n', 'shop.yaml:3:8: the alias *c has no anchor before it'],
    ['as a key', 'kind: Trait\nid: t\n*c : 1\n', 'shop.yaml:3:1: the alias *c has no anchor before it'],
    ['in a key', 'kind: Trait\nid: t\n? [*c]\n: 1\n', 'shop.yaml:3:4: the alias *c has no anchor before it'],
    ['as a merge', 'kind: Trait\nid: t\n<<: *c\n', 'shop.yaml:3:5: the alias *c has no anchor before it'],
  ])('an alias %s without an anchor is a problem of its line', (_, yaml, problem) => {
    expect(problemsOf(yaml)[0]).toBe(problem)
  })

  test('a shared list is followed, and its problems are found', () => {
    const yaml = `${base}kind: Trait\nid: t\nprefer: &p [web, cmr]\n---\nkind: Trait\nid: u\nprefer: [web]\n`
    expect(problemsOf(yaml)).toEqual(['shop.yaml:17:18: there is no Source document `cmr`; known are web'])
  })

  test('too large a file and too deep a nesting are refused', () => {
    expect(problemsOf(`# ${'x'.repeat(MAX_FILE_BYTES)}`)[0]).toMatch(/larger than 1048576 bytes/)
    expect(problemsOf(`kind: Audience\nid: a\nwhere: ${'{not: '.repeat(70)}x${'}'.repeat(70)}\n`)[0]).toMatch(
      /nested more than 64 levels deep/,
    )
    expect(problemsOf('['.repeat(100_000))[0]).toMatch(/cannot be read as YAML|levels deep/)
  })

  test('whatever the text, problems come back with a place, and nothing throws', () => {
    const word = fc.constantFrom(
      'kind',
      'Trait',
      'Audience',
      'id',
      'where',
      'all',
      'not',
      'event',
      ': ',
      '\n',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a',
      '*a',
      '"',
      '---\n',
      '  ',
      '!!js',
      '__proto__',
      '\u0000',
      '1e999',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (words) => {
        const { problems } = parseDocuments([{ name: 'f', text: words.join('') }])
        for (const problem of problems) expect(formatProblem(problem)).toMatch(/^f:\d+:\d+: ./)
      }),
    )
  })
})
