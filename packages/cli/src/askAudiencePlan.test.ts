import { describe, expect, test } from '@jest/globals'
import { parseDocuments, type Document } from '@tributary/configuration'
import { affectedAudiences, beginsToSend, deliveriesOf } from './askAudiencePlan.ts'
import { audiencePlanText } from './output/audiencePlanText.ts'

function documents(text: string): Document[] {
  const { documents: found, problems } = parseDocuments([{ name: 'shop.yaml', text }])
  expect(problems).toEqual([])
  return found.map((each) => each.document)
}

const shop = documents(`
kind: Trait
id: spend
sum: { event: Order Completed, path: properties.total }
---
kind: Audience
id: buyers
where: { event: Order Completed }
---
kind: Audience
id: rich
where: { all: [{ audience: buyers }, { not: { trait: spend, lt: 100 } }] }
---
kind: Audience
id: best
where: { any: [{ audience: rich }, { identifier: email }] }
---
kind: Audience
id: named
where: { identifier: email }
`)

describe('a proposal may change the members', () => {
  test.each([
    ['of an audience that is new, changed or gone', ['audience/named', 'audience/gone'], ['gone', 'named']],
    ['of those that read it, also through others', ['audience/buyers'], ['best', 'buyers', 'rich']],
    ['of those that read a trait that changed', ['trait/spend'], ['best', 'rich']],
    ['of nobody else', ['trait/other'], []],
  ])('%s', (_, adopted, affected) => {
    const before = [...shop, ...documents('kind: Audience\nid: gone\nwhere: { identifier: phone }\n')]
    expect(affectedAudiences(before, shop, new Set(adopted))).toEqual(affected)
  })
})

const sync = (more: string) => documents(`kind: Sync\nid: s\nfrom: { audience: rich }\nto: crm\n${more}`)
const moved = { members: 50, enter: 7, leave: 3 }

describe('what a change of an audience sends', () => {
  test.each([
    ['those who leave, and not those who were members already', sync(''), 3],
    ['nobody who leaves, when only entering is sent', sync('on: [entered]'), 0],
    ['those who enter too, with existing: send', sync('existing: send'), 10],
    ['nobody, while it is disabled', sync('existing: send\ndisabled: true'), undefined],
    [
      'every change of a profile that shows it',
      documents('kind: Sync\nid: s\nfrom: { profile: { paths: [audiences] } }\nto: crm\n'),
      10,
    ],
    [
      'nothing of a profile, when other paths are followed',
      documents('kind: Sync\nid: s\nfrom: { profile: { paths: [traits.plan] } }\nto: crm\n'),
      undefined,
    ],
  ])('is %s', (_, syncs, deliveries) => {
    const found = deliveriesOf('rich', syncs, syncs, moved)
    expect(found).toEqual(deliveries === undefined ? [] : [{ sync: 's', to: 'crm', deliveries }])
  })

  test('is all members, when the sync begins with them', () => {
    const syncs = sync('existing: send')
    expect(deliveriesOf('rich', [], syncs, moved)).toMatchObject([{ deliveries: 53 }])
    // One that sent only those who left had sent no members.
    expect(deliveriesOf('rich', sync('existing: send\non: [left]'), syncs, moved)).toMatchObject([
      { deliveries: 53 },
    ])
  })
})

test('a sync sends members once for an audience and a destination, whatever else of it changes', () => {
  const [before] = sync('existing: send')
  const [mapped] = sync('existing: send\nfields: { who: profileId }')
  const [widened] = sync('existing: send\non: [left]')
  const asSync = (document: Document | undefined) => (document?.kind === 'Sync' ? document : undefined)
  expect(beginsToSend(asSync(mapped)!, asSync(before))).toBe(false)
  expect(beginsToSend(asSync(before)!, asSync(widened))).toBe(true)
  expect(beginsToSend(asSync(before)!, { ...asSync(before)!, to: 'erp' })).toBe(true)
})

test('a plan says who would enter and leave, what that sends, and what it does not know', () => {
  const asOf = '2026-01-31T10:00:00.000Z'
  expect(
    audiencePlanText([
      {
        audience: 'rich',
        asOf,
        members: 50,
        enter: { count: 7, samples: ['a-0', 'b-0'] },
        leave: { count: 0, samples: [] },
        deliveries: [{ sync: 's', to: 'crm', deliveries: 7 }],
      },
      { audience: 'last', unknown: 'it reads plan, which is new or changed and no number the log can count' },
    ]),
  ).toBe(
    `audiences, by the event log as of 2026-01-31 10:00:00Z:
  AUDIENCE  MEMBERS  ENTER  LEAVE  DELIVERIES
  rich      50       7      0      7 to crm by s
  would enter rich: a-0 b-0 …
who would enter and leave last is not known: it reads plan, which is new or changed and no number the log can count`,
  )
})
