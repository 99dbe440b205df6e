import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { describeStep, summarise } from './describeExplanation.ts'
import { explainIdentity } from './explainIdentity.ts'
import { viewIdentity } from './identityView.ts'
import { arbitraryProgram } from './testing/arbitraryPrograms.ts'
import { type Scenario, createScenario, member } from './testing/identityScenario.ts'

const AT = Date.UTC(2026, 4, 1)

function explain(it: Scenario, a: string, b: string) {
  const explanation = explainIdentity(it.rows, viewIdentity(it.rows), member(a), member(b))
  const nameOf = (each: { id: string }): string => each.id
  return {
    ...explanation,
    summary: summarise(explanation, nameOf),
    details: explanation.steps.map((step) => describeStep(step, nameOf)),
  }
}

describe('explain', () => {
  test('names the event, its source and time that joined two identifiers', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], AT, { messageId: 'm1', sourceId: 'web' })
    expect(explain(it, 'a1', 'u1').summary).toBe(
      'a1 and u1 are one person: u1 and a1 were seen together in event m1 from web at 2026-05-01T00:00:00.000Z.',
    )
  })

  test('gives the whole chain when there is more than one link', () => {
    const it = createScenario()
    it.saw(['u1', 'l1'], AT)
    it.saw(['l1', 'e1'], AT + 1, { sourceId: 'pos' })
    const { together, summary, details } = explain(it, 'u1', 'e1')
    expect(together).toBe(true)
    expect(summary).toBe('u1 and e1 are one person, by a chain of 2 links.')
    expect(details[0]).toMatch(/^u1 and l1 were seen together .* from web/)
    expect(details[1]).toMatch(/^l1 and e1 were seen together .* from pos/)
  })

  test('names the limit that keeps two apart', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], AT)
    it.saw(['u2', 'a1'], AT + 1)
    const { together, summary } = explain(it, 'u1', 'u2')
    expect(together).toBe(false)
    expect(summary).toMatch(
      /^u1 and u2 are not one person: u2 and a1 were seen .*, but one profile holds at most 1 user_id\.$/,
    )
  })

  test('names the operator who separated two, and the one who joined them', () => {
    const it = createScenario()
    it.said('join', ['u1', 'u2'], AT)
    expect(explain(it, 'u1', 'u2').summary).toMatch(/u1 and u2 were joined by operator at 2026-05-01/)
    it.said('separate', ['u1', 'u2'], AT + 1)
    expect(explain(it, 'u1', 'u2').summary).toMatch(/^u1 and u2 are not one person: operator separated them/)
  })

  test('says that a device is shared, also when it is what two people have in common', () => {
    const it = createScenario()
    for (const [index, user] of ['u1', 'u2', 'u3', 'u4'].entries()) it.saw([user, 'a1'], AT + index)
    expect(explain(it, 'u1', 'a1').summary).toMatch(/a1 is shared by too many/)
    expect(explain(it, 'u1', 'u2').summary).toMatch(/a1 is shared by too many/)
  })

  test('says that a value is blocked, or that it belongs to nobody', () => {
    const it = createScenario({ owner: 'nobody' })
    it.saw(['u1', 'e1'], AT)
    it.saw(['u2', 'e1'], AT)
    expect(explain(it, 'u1', 'e1').summary).toMatch(/e1 was seen with several known users/)
    it.said('block', ['e1'], AT)
    expect(explain(it, 'u1', 'e1').summary).toMatch(/e1 was blocked by operator at 2026-05-01T.*: test, so/)
  })

  test('says who declared a device shared, and who separated what evidence would unite', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], AT)
    it.said('shared', ['a1'], AT + 1)
    expect(explain(it, 'u1', 'a1').summary).toMatch(
      /a1 was declared shared by operator at 2026-05-01T.*: test/,
    )
    it.said('not-shared', ['a1'], AT + 2)
    it.said('separate', ['u1', 'a1'], AT + 3)
    expect(explain(it, 'u1', 'a1').details).toContainEqual(
      expect.stringMatching(/^u1 and a1 were seen .*, but they were separated by operator at 2026-05-01T/),
    )
  })

  test('says that the rules block a value', () => {
    const it = createScenario({ blocked: [{ type: 'email', id: 'e1' }] })
    it.saw(['u1', 'e1'], AT)
    expect(explain(it, 'u1', 'e1').summary).toMatch(/e1 is blocked, so it counts as never seen/)
  })

  test('says when nothing has ever joined two identifiers, also for unknown ones', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], AT)
    expect(explain(it, 'u1', 'u7').summary).toBe(
      'u1 and u7 are not one person: nothing has ever joined them.',
    )
    expect(explain(it, 'u1', 'u1').together).toBe(true)
  })

  test('together exactly when the profile is one, and the chain leads from the one to the other', () => {
    fc.assert(
      fc.property(arbitraryProgram, (program) => {
        const it = createScenario(program.rules)
        for (const input of program.inputs) it.feed(input)
        const ids = [...it.rows.identifiers.range('', '~')].map(([id]) => id)
        for (const a of ids)
          for (const b of ids) {
            const { together, steps } = explain(it, a, b)
            expect(together).toBe(it.profile(a) === it.profile(b))
            // Every end of a link appears twice in a chain, but for the two that were asked for.
            const ends = new Set<string>()
            for (const step of together ? steps : [])
              for (const end of step.kind === 'linked' ? [step.link.a.id, step.link.b.id] : [])
                if (!ends.delete(end)) ends.add(end)
            expect([...ends].sort()).toEqual(together && a !== b ? [a, b].sort() : [])
          }
      }),
      { numRuns: 100 },
    )
  })
})
