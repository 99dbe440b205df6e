import { describe, expect, test } from '@jest/globals'
import { parseName } from './testing/parseName.ts'
import { createScenario, evidence } from './testing/identityScenario.ts'

describe('golden scenarios', () => {
  test('a lone identifier has its own profile and no assignment', () => {
    const it = createScenario()
    expect(it.profile('a1')).toBe('a1-0')
    expect(it.sent).toEqual([])
  })

  test('an anonymous visitor who becomes known belongs to the known user', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], 1)
    expect(it.profile('a1')).toBe('u1-0')
    expect(it.sent).toEqual([
      {
        identifierId: 'a1',
        type: 'anonymous_id',
        generation: 0,
        kind: 'merge',
        ...parseName('a1-0', 'u1-0'),
      },
      { identifierId: 'u1', type: 'user_id', generation: 0, kind: 'merge', ...parseName('u1-0', 'u1-0') },
    ])
  })

  test('a device seen with a second user stays with the first, the second is on its own, one conflict', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], 1)
    it.saw(['u2', 'a1'], 2)
    expect(it.profiles('a1', 'u1', 'u2')).toEqual(['u1-0', 'u1-0', 'u2-0'])
    expect(it.conflicts()).toEqual(['u2|a1'])
  })

  test('with the policy nobody a device seen with two users is on its own', () => {
    const it = createScenario({ owner: 'nobody' })
    it.saw(['u1', 'a1'], 1)
    it.saw(['u2', 'a1'], 2)
    expect(it.profiles('a1', 'u1', 'u2')).toEqual(['a1-0', 'u1-0', 'u2-0'])
  })

  test('with the policy nobody a device of two names of one person belongs to that person', () => {
    const it = createScenario({ owner: 'nobody' })
    it.saw(['u1', 'a1'], 1)
    it.saw(['u2', 'a1'], 2)
    it.said('join', ['u1', 'u2'], 3)
    expect(it.profiles('a1', 'u1', 'u2')).toEqual(['u1-0', 'u1-0', 'u1-0'])
  })

  test('the owner is the earliest by event time, also when it arrives later', () => {
    const it = createScenario()
    it.saw(['u2', 'a1'], 2)
    expect(it.profile('a1')).toBe('u2-0')
    it.saw(['u1', 'a1'], 1)
    expect(it.profile('a1')).toBe('u1-0')
  })

  test('a stronger class is considered first, whatever the times', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], 1)
    it.saw(['u2', 'a1'], 9, { class: 'identify' })
    expect(it.profile('a1')).toBe('u2-0')
  })

  test('a device seen with four users is shared: on its own, links nobody, also for the past', () => {
    const it = createScenario()
    for (const [index, user] of ['u1', 'u2', 'u3'].entries()) it.saw([user, 'a1'], index + 1)
    expect(it.profile('a1')).toBe('u1-0')
    const last = it.saw(['u4', 'a1'], 4)
    expect(last.becameShared).toEqual([{ identifierId: 'a1', type: 'anonymous_id', joined: 1 }])
    expect(it.profile('a1')).toBe('a1-0')
    expect(it.conflicts()).toEqual([])
    it.saw(['a1', 'e1'], 5)
    expect(it.profile('e1')).toBe('e1-0')
  })

  test('one e-mail of two users: two profiles, the e-mail with the first', () => {
    const it = createScenario()
    it.saw(['u1', 'e1'], 1)
    it.saw(['u2', 'e1'], 2)
    expect(it.profiles('e1', 'u1', 'u2')).toEqual(['u1-0', 'u1-0', 'u2-0'])
  })

  test('strong identifiers of different types join, and so does what is seen with either', () => {
    const it = createScenario()
    it.saw(['u1', 'l1'], 1)
    it.saw(['l1', 'e1'], 2)
    expect(it.profiles('u1', 'l1', 'e1')).toEqual(['u1-0', 'u1-0', 'u1-0'])
  })

  test('a second value of a strong type stays apart, one conflict', () => {
    const it = createScenario()
    it.saw(['u1', 'l1'], 1)
    it.saw(['u1', 'l2'], 2)
    expect(it.profiles('u1', 'l1', 'l2')).toEqual(['u1-0', 'u1-0', 'l2-0'])
    expect(it.conflicts()).toEqual(['u1|l2'])
  })

  test('when the best of a set is blocked the others stay together; unblocking undoes it', () => {
    const it = createScenario()
    it.saw(['u1', 'e1', 'a1'], 1)
    it.said('block', ['u1'], 2)
    expect(it.profiles('u1', 'e1', 'a1')).toEqual(['u1-0', 'e1-0', 'e1-0'])
    it.said('unblock', ['u1'], 3)
    expect(it.profiles('u1', 'e1', 'a1')).toEqual(['u1-0', 'u1-0', 'u1-0'])
  })

  test('an alias with a public key is recorded only; with a secret key it is one profile', () => {
    const it = createScenario()
    it.saw(['u1', 'u2'], 1, { class: 'alias' })
    expect(it.profiles('u1', 'u2')).toEqual(['u1-0', 'u2-0'])
    expect(it.conflicts()).toEqual(['u1|u2'])
    it.saw(['u1', 'u2'], 2, { class: 'join' })
    expect(it.profiles('u1', 'u2')).toEqual(['u1-0', 'u1-0'])
    expect(it.conflicts()).toEqual([])
  })

  test('joining two users and separating them again gives the old profile ids', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], 1)
    it.saw(['u2', 'a2'], 2)
    it.said('join', ['u1', 'u2'], 3)
    expect(it.profiles('u1', 'a1', 'u2', 'a2')).toEqual(['u1-0', 'u1-0', 'u1-0', 'u1-0'])
    it.said('separate', ['u1', 'u2'], 4)
    expect(it.profiles('u1', 'a1', 'u2', 'a2')).toEqual(['u1-0', 'u1-0', 'u2-0', 'u2-0'])
  })

  test('of sixty devices of one user the fifty earliest belong to it, whatever the order of arrival', () => {
    const it = createScenario()
    const device = (n: number): string => `a${String(n).padStart(2, '0')}`
    // 37 and 60 have no common divisor: every device once, in no order.
    for (let n = 0; n < 60; n++) it.saw(['u1', device((n * 37) % 60)], (n * 37) % 60)
    for (let n = 0; n < 60; n++) expect(it.profile(device(n))).toBe(n < 50 ? 'u1-0' : `${device(n)}-0`)
  })

  test('an erased identifier gets a new generation, and what was received before stays forgotten', () => {
    const it = createScenario()
    it.saw(['u1', 'e1'], 1)
    it.said('erase', ['u1', 'e1'], 10)
    expect(it.profiles('u1', 'e1')).toEqual(['u1-1', 'e1-1'])
    it.saw(['u1', 'e1'], 0, { receivedTimeMs: 9 })
    expect(it.profiles('u1', 'e1')).toEqual(['u1-1', 'e1-1'])
    it.saw(['u1', 'e1'], 11)
    expect(it.profiles('u1', 'e1')).toEqual(['u1-1', 'u1-1'])
  })

  test('an erased identifier without an assignment is announced with its new generation', () => {
    const it = createScenario()
    const { assignments } = it.said('erase', ['u1'], 10)
    expect(assignments).toEqual([
      { identifierId: 'u1', type: 'user_id', generation: 1, kind: 'erase', ...parseName('u1-0', 'u1-1') },
    ])
  })
})

describe('what is sent', () => {
  test('a return to the default is said explicitly, as a split', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], 1)
    const { assignments } = it.said('separate', ['u1', 'a1'], 2)
    expect(assignments).toEqual([
      {
        identifierId: 'a1',
        type: 'anonymous_id',
        generation: 0,
        kind: 'split',
        ...parseName('u1-0', 'a1-0'),
      },
    ])
  })

  test('evidence seen again changes nothing and sends nothing', () => {
    const it = createScenario()
    it.saw(['u1', 'a1'], 1)
    expect(it.saw(['u1', 'a1'], 1).ignored).toBe('known')
    expect(it.saw(['u1', 'a1'], 2).assignments).toEqual([])
    expect(it.sent).toHaveLength(2)
  })

  test('a profile that comes whole into another is a merge; one that only changes its name a rename', () => {
    const it = createScenario()
    it.saw(['e1', 'a1'], 1)
    expect(it.saw(['u1', 'a1'], 2).assignments.map((each) => [each.identifierId, each.kind])).toEqual([
      ['a1', 'merge'],
      ['e1', 'merge'],
      ['u1', 'merge'],
    ])
    const types = createScenario().rows.rules.get('rules')!.rules.types.toReversed()
    const renamed = it.feed({
      kind: 'rules',
      configOffset: 1,
      rules: { types, owner: 'first', blocked: [], hash: 'reversed' },
    })
    expect(renamed.assignments.map((each) => [each.identifierId, each.kind])).toEqual([
      ['a1', 'rename'],
      ['e1', 'rename'],
      ['u1', 'rename'],
    ])
    expect(it.profile('u1')).toBe('a1-0')
  })

  test('a shared e-mail of a family says how many profiles it had joined', () => {
    const it = createScenario()
    it.saw(['e1', 'a1'], 1)
    it.saw(['e1', 'a2'], 2)
    it.saw(['e1', 'a3'], 3)
    const { becameShared } = it.said('shared', ['e1'], 4)
    expect(becameShared).toEqual([{ identifierId: 'e1', type: 'email', joined: 3 }])
    expect(it.profiles('e1', 'a1', 'a2', 'a3')).toEqual(['e1-0', 'a1-0', 'a2-0', 'a3-0'])
    it.said('not-shared', ['e1'], 5)
    expect(it.profiles('e1', 'a1', 'a2', 'a3')).toEqual(['e1-0', 'e1-0', 'e1-0', 'e1-0'])
  })
})

describe('rules and facts', () => {
  test('older rules are ignored', () => {
    const it = createScenario()
    it.feed({
      kind: 'rules',
      configOffset: 5,
      rules: { types: [], owner: 'nobody', blocked: [], hash: 'new' },
    })
    it.resolver.rules({ types: [], owner: 'first', blocked: [], hash: 'old' }, 99, 4)
    expect(it.rows.rules.get('rules')?.rules.hash).toBe('new')
  })

  test('values that the rules block count as never seen', () => {
    const it = createScenario({ blocked: [{ type: 'email', id: 'e1' }] })
    it.saw(['u1', 'e1'], 1)
    it.saw(['l1', 'e1'], 2)
    expect(it.profiles('u1', 'e1', 'l1')).toEqual(['u1-0', 'e1-0', 'l1-0'])
  })

  test('retracted evidence stays retracted when it is seen again, and counts again when the retraction goes', () => {
    const it = createScenario()
    const seen = evidence(['u1', 'a1'], 1)
    it.saw(['u1', 'a1'], 1)
    it.said('retract', [], 2, { id: 'r1', retracts: seen.id })
    it.saw(['u1', 'a1'], 0)
    expect(it.profile('a1')).toBe('a1-0')
    it.said('retract', [], 3, { id: 'r2', retracts: 'r1' })
    expect(it.profile('a1')).toBe('u1-0')
  })

  test('a retraction that arrives before what it retracts counts all the same', () => {
    const it = createScenario()
    it.said('retract', [], 5, { id: 'r1', retracts: 'j1' })
    it.said('join', ['u1', 'u2'], 2, { id: 'j1' })
    expect(it.profile('u2')).toBe('u2-0')
  })

  test('a fact that makes no sense is refused with the reason', () => {
    const it = createScenario()
    expect(it.said('join', ['u1'], 1).ignored).toBe('join needs two different identifiers')
    expect(it.said('block', [], 1).ignored).toBe('block needs an identifier')
    expect(it.said('retract', [], 1).ignored).toBe('retract needs the id of evidence or of a fact')
  })

  test('a weak identifier in more than 5,000 rows of evidence is shared', () => {
    const it = createScenario()
    for (let n = 1; n <= 5_000; n++) it.saw(['e1', 'a0'], n, { sourceId: `s${n}` })
    expect(it.profile('a0')).toBe('e1-0')
    it.saw(['e1', 'a1'], 2)
    expect(it.rows.identifiers.get('e1')?.standing).toBe('shared')
    expect(it.profile('a0')).toBe('a0-0')
  })
})

describe('what a touch costs', () => {
  test('of a thousand devices of one user the last is resolved without looking at the others', () => {
    const it = createScenario()
    const walked = Array.from({ length: 1_000 }, (_, n) => {
      const device = `a${String(n).padStart(4, '0')}`
      const first = it.saw(['u1', 'e1', device], 2 * n, { class: 'identify' })
      return [first, it.saw(['u1', device], 2 * n + 1)]
    })
    expect(it.conflicts()).toHaveLength(950)
    expect(walked.flat().filter((each) => each.recomputed)).toEqual([])
  })

  test('a late event of a user with a thousand devices is put in its place', () => {
    const it = createScenario()
    for (let n = 1; n <= 1_000; n++) it.saw(['u1', `a${n}`], n)
    expect(it.profile('a50')).toBe('u1-0')
    const late = it.saw(['u1', 'a0'], 0)
    expect(late.recomputed).toBe(true)
    expect(it.profiles('a0', 'a49', 'a50')).toEqual(['u1-0', 'u1-0', 'a50-0'])
  })
})
